//! The drift that a plan leaves alone: said once, quietly, after what changes.

use serde_json::Value;

use crate::drift::{LeftAlone, Why, there, wanted};
use crate::plan::Plan;
use crate::render::Page;
use crate::render::paint::Tone;
use crate::render::value::inline;

/// Characters of a value; what is longer is read with `landfall drift`.
const WIDEST: usize = 40;

/// Renders it, if there is any.
pub fn left(page: &mut Page, plan: &Plan) {
    let all: Vec<(&str, &LeftAlone)> =
        plan.modules.iter().flat_map(|module| module.left.iter().map(|left| (module.module.as_str(), left))).collect();
    if all.is_empty() {
        return;
    }
    page.line(0, "");
    let title = page.tone(Tone::Quiet, "Left as it is, although the config says otherwise:");
    page.line(0, &title);
    for (module, left) in all {
        let why = match left.why {
            Why::Ignored => "the file ignores it",
            Why::Accepted => "accepted",
        };
        let (is, says) = (short(there(&left.change)), short(wanted(&left.change)));
        let text = format!("{module}.{} {}: {is}, not {says} ({why})", left.resource, left.change.path);
        page.sentence(2, "", Tone::Quiet, &text);
    }
}

fn short(value: Option<&Value>) -> String {
    let text = value.map_or_else(|| "nothing".to_owned(), inline);
    if text.chars().count() <= WIDEST {
        return text;
    }
    text.chars().take(WIDEST - 1).chain(std::iter::once('…')).collect()
}
