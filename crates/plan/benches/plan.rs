//! How long the pure part of planning takes.
fn main() {}
