//! The new resources of a module that makes many of them: one line each, in columns, without their attributes.

use crate::change::{Action, ResourceChange};
use crate::module::ModulePlan;
use crate::render::attribute::width;
use crate::render::paint::Tone;
use crate::render::{Page, is_name_below};

/// A module that makes more than this many resources shows them without their attributes.
const MANY: usize = 10;

/// The widths of the columns of one module.
#[derive(Clone, Copy, Debug)]
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
        let named: Vec<&ResourceChange> = created.clone().filter(|new| new.name.is_some()).collect();
        let widest = |text: fn(&ResourceChange) -> &str, of: &[&ResourceChange]| {
            of.iter().map(|new| width(text(new))).max().unwrap_or(0)
        };
        let all: Vec<&ResourceChange> = created.collect();
        let columns = Self { resource: widest(|new| &new.resource, &all), kind: widest(|new| &new.kind, &named) };
        // Where three columns do not fit, there are two, or each line is as short as it can be.
        [columns, Self { kind: 0, ..columns }]
            .into_iter()
            .find(|columns| all.iter().all(|new| columns.length(new) <= page.style.width))
            .or(Some(Self { resource: 0, kind: 0 }))
    }

    /// Columns that a line takes.
    fn length(self, new: &ResourceChange) -> usize {
        let name = new.name.as_deref().map_or(0, |name| 2 + width(name));
        let kind = if name == 0 { width(&new.kind) } else { self.kind.max(width(&new.kind)) };
        4 + self.resource.max(width(&new.resource)) + 2 + kind + name
    }

    /// Name, kind and the name that a user looks for, under those of the other lines.
    pub fn head(self, page: &Page, new: &ResourceChange) -> String {
        let resource = page.tone(Tone::Strong, format!("{:<1$}", new.resource, self.resource));
        let Some(name) = new.name.as_ref().filter(|_| !is_name_below(page, new)) else {
            return format!("{resource}  {}", page.tone(Tone::Quiet, &new.kind));
        };
        format!("{resource}  {}  {name}", page.tone(Tone::Quiet, format!("{:<1$}", new.kind, self.kind)))
    }
}
