//! The function `coordinator`.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    landfall_control::serve(landfall_coordinator::coordinate).await
}
