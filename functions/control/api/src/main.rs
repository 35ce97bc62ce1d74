//! The function `api`.

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    landfall_api::run().await
}
