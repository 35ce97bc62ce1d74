//! The log of a function: one JSON object a line on stdout, where Lambda takes it from.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

/// Sends the log of this process to stdout. `RUST_LOG` says how much of it: a level, or levels by crate, as in
/// `info,landfall_engine=debug`.
pub fn start_log() {
    let lines = fmt::layer().json().with_current_span(false).without_time();
    tracing_subscriber::registry().with(wanted(std::env::var("RUST_LOG").ok().as_deref())).with(lines).init();
}

/// What is logged. Without a setting, or with one that nobody can read, `info`: a log that fell silent by a typing
/// error would be missed only when it is needed.
fn wanted(setting: Option<&str>) -> Targets {
    setting
        .filter(|setting| !setting.trim().is_empty())
        .and_then(|setting| setting.parse().ok())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn the_setting_is_a_level_or_levels_by_crate() {
        let engine = |setting| {
            let wanted = wanted(setting);
            [Level::ERROR, Level::INFO, Level::DEBUG].map(|level| wanted.would_enable("landfall_engine::step", &level))
        };
        assert_eq!(engine(Some("debug")), [true, true, true]);
        assert_eq!(engine(Some("error")), [true, false, false]);
        assert_eq!(engine(Some("warn,landfall_engine=debug")), [true, true, true]);
        assert_eq!(engine(Some("info,aws_smithy_runtime=debug")), [true, true, false]);
        for setting in [None, Some(""), Some(" "), Some("info,landfall_engine=loud")] {
            assert_eq!(engine(setting), [true, true, false], "{setting:?}");
        }
    }
}
