//! The package of a function: a zip with one file, `bootstrap`. The same binary always gives the same bytes, so its
//! hash names it.

use std::io::{Cursor, Write};
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A packaged function.
#[derive(Clone, Debug)]
pub struct Package {
    /// Key in the artifact bucket.
    pub key: String,
    /// The zip.
    pub bytes: Vec<u8>,
}

/// Packages the binary of the function `name`, compressed at `level` or, without one, not at all.
///
/// # Errors
/// When the binary cannot be read.
pub fn package(name: &str, binary: &Path, level: Option<i64>) -> Result<Package> {
    let program = std::fs::read(binary).with_context(|| format!("{} is not built", binary.display()))?;
    let digest = hex::encode(Sha256::digest(&program));
    let options = SimpleFileOptions::default()
        .compression_method(if level.is_some() { CompressionMethod::Deflated } else { CompressionMethod::Stored })
        .compression_level(level)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", options)?;
    zip.write_all(&program)?;
    let bytes = zip.finish()?.into_inner();
    Ok(Package { key: format!("functions/{name}/{digest}.zip"), bytes })
}
