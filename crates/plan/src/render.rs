//! The plan as a person reads it in a terminal.

use crate::plan::Plan;

/// Whether the text carries terminal colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Plain text.
    Plain,
    /// ANSI colours.
    Color,
}

/// Renders a plan.
pub fn render(plan: &Plan, paint: Paint) -> String {
    let counts = plan.counts();
    let _ = paint;
    format!("{} to create, {} to update, {} to replace, {} to delete", counts.create, counts.update, counts.replace, counts.delete)
}
