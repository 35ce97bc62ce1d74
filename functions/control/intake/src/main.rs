//! The function `intake`.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    landfall_control::serve(landfall_intake::take).await
}
