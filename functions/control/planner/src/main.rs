//! The function `planner`.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    landfall_control::serve(landfall_planner::plan).await
}
