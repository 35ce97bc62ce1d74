//! `landfall schema`: the JSON Schema of layer files.

use crate::error::{Exit, Failure};
use crate::ui::Ui;

/// Prints the schema.
pub fn run(ui: &Ui) -> Result<Exit, Failure> {
    ui.answer(&landfall_catalog::schema());
    Ok(Exit::Done)
}
