//! The keys of the single table: `pk` and `sk`, and the one index `gsi1` that lists layers.

use jiff::Timestamp;

/// Partition of the index that lists all layers.
pub(crate) const LAYERS: &str = "LAYERS";

pub(crate) fn layer(layer: &str) -> String {
    format!("LAYER#{layer}")
}

pub(crate) fn key(s3_key: &str) -> String {
    format!("KEY#{s3_key}")
}

pub(crate) const LAYER: &str = "LAYER";
pub(crate) const LEASE: &str = "LEASE";
pub(crate) const QUEUE: &str = "QUEUE";
pub(crate) const KEY: &str = "KEY";
pub(crate) const FREEZE: &str = "FREEZE";
pub(crate) const DRIFT: &str = "DRIFT";

pub(crate) fn shared(service: &str) -> String {
    format!("SHARED#{service}")
}

pub(crate) fn service(service: &str) -> String {
    format!("SERVICE#{service}")
}

pub(crate) fn change(id: &str) -> String {
    format!("CHANGE#{id}")
}

pub(crate) fn deployment(number: u64) -> String {
    format!("DEPLOYMENT#{number:010}")
}

pub(crate) fn approval(number: u64) -> String {
    format!("APPROVAL#{number:010}")
}

pub(crate) fn run(number: u64, module: &str) -> String {
    format!("RUN#{number:010}#{module}")
}

pub(crate) fn runs(number: u64) -> String {
    format!("RUN#{number:010}#")
}

pub(crate) fn events(number: u64) -> String {
    format!("EVENT#{number:010}#")
}

/// Begin of the keys of a deployment's events at a moment. Microseconds of fixed width sort as text.
pub(crate) fn events_at(number: u64, at: Timestamp) -> String {
    format!("{}{:018}", events(number), at.as_microsecond())
}

pub(crate) fn module(module: &str) -> String {
    format!("MODULE#{module}")
}

pub(crate) fn resource(module: &str, resource: &str) -> String {
    format!("RES#{module}#{resource}")
}

pub(crate) fn drift(module: &str, resource: &str) -> String {
    format!("DRIFT#{module}#{resource}")
}

pub(crate) fn resources(module: &str) -> String {
    format!("RES#{module}#")
}
