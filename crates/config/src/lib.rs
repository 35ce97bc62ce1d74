//! Layer files: YAML with positions, the envelope that every layer file shares, interpolation, diagnostics. Knows no
//! module kind.
//!
//! ```
//! use landfall_config::{File, Limits, Source, classify};
//!
//! let text = b"name: app\nenvironments:\n  - {name: prod, path: env.yaml}\nmodules:\n  - {type: sqs, name: jobs}\n";
//! let source = Source::from_bytes("app.yaml", text, &Limits::default())?;
//! let File::Layer(layer) = classify(&source)? else { panic!("not a layer") };
//! assert_eq!(layer.modules[0].name.value, "jobs");
//! # Ok::<(), landfall_config::Diagnostics>(())
//! ```

mod classify;
mod diagnostic;
mod entries;
mod file;
mod mask;
mod render;
mod source;
mod template;
mod yaml;

pub use classify::{classify, classify_documents};
pub use diagnostic::{Diagnostic, Diagnostics, Report, Severity};
pub use file::{EnvironmentRef, File, FileScope, InputVariable, LayerFile, ModuleEntry, Spanned, default_module_name};
pub use mask::{is_secret_field, is_secret_name};
pub use source::{Limits, Source, Span};
pub use template::{Note, Reference, Segment, Template, TemplateError};
pub use yaml::{Entry, Map, Node, Yaml, documents};

/// The nearest of the known words to a mistyped one, if one is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
