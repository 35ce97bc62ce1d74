//! The function of module `base`.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    landfall_engine::run::<landfall_module_base::Base>().await
}
