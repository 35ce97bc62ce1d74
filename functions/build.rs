//! The build script of every function: leaves the tables for unwinding out of its package. They are a tenth of it, and
//! nothing reads them: the release profile aborts on a panic, once it was said where, and without symbols a backtrace is
//! empty anyway.

// Speaking to cargo is what a build script prints for.
#![allow(clippy::print_stdout)]

use std::path::Path;

fn main() {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../unwinding.ld");
    println!("cargo::rerun-if-changed={}", script.display());
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") {
        println!("cargo::rustc-link-arg-bins=-T{}", script.display());
    }
}
