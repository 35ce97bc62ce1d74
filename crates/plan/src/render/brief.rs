//! The new resources of a module that makes many of them: one line each, in columns, without their attributes.

use crate::change::{Action, ResourceChange};
use crate::module::ModulePlan;
use crate::render::Page;
use crate::render::attribute::width;
use crate::render::paint::Tone;

/// A module that makes more than this many resources shows them without their attributes.
const MANY: usize = 10;

/// The widths of the columns of one module.
pub struct Brief {
    resource: usize,
    kind: usize,
}

impl Brief {
    /// `None` where attributes are shown.
    pub fn of(page: &Page, module: &ModulePlan) -> Option<Self> {
        let created = module.resources.iter().filter(|resource| resource.action == Action::Create);
        if page.style.full || created.clone().count() <= MANY {
            return None;
        }
        let widest = |text: fn(&ResourceChange) -> &str| created.clone().map(|new| width(text(new))).max().unwrap_or(0);
        let (resource, kind) = (widest(|new| &new.resource), widest(|new| &new.kind));
        let name = widest(|new| new.name.as_deref().unwrap_or_default());
        // Where columns do not fit, each line is as short as it can be.
        let fits = 4 + resource + 2 + kind + 2 + name <= page.style.width;
        Some(if fits { Self { resource, kind } } else { Self { resource: 0, kind: 0 } })
    }

    /// Name, kind and the name that a user looks for, under those of the other lines.
    pub fn head(&self, page: &Page, new: &ResourceChange) -> String {
        let resource = page.tone(Tone::Strong, format!("{:<1$}", new.resource, self.resource));
        let Some(name) = &new.name else { return format!("{resource}  {}", page.tone(Tone::Quiet, &new.kind)) };
        format!("{resource}  {}  {name}", page.tone(Tone::Quiet, format!("{:<1$}", new.kind, self.kind)))
    }
}
