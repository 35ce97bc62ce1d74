//! The package of a function: a zip with one file, `bootstrap`. The same binary always gives the same bytes, so its
//! hash names it.

use std::io::{Cursor, Write};
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A function ready to be packaged.
#[derive(Clone, Debug)]
pub struct Package {
    /// Key in the artifact bucket.
    pub key: String,
    program: Vec<u8>,
}

impl Package {
    /// Reads the binary of the function `name`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(name: &str, binary: &Path) -> Result<Self> {
        let program = std::fs::read(binary).with_context(|| format!("{} is not built", binary.display()))?;
        let digest = hex::encode(Sha256::digest(&program));
        Ok(Self { key: format!("functions/{name}/{digest}.zip"), program })
    }

    /// The zip, compressed at `level` or, without one, not at all.
    ///
    /// # Errors
    /// When it would be larger than a zip can be.
    pub fn zip(&self, level: Option<i64>) -> Result<Vec<u8>> {
        let options = SimpleFileOptions::default()
            .compression_method(if level.is_some() { CompressionMethod::Deflated } else { CompressionMethod::Stored })
            .compression_level(level)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(0o755);
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("bootstrap", options)?;
        zip.write_all(&self.program)?;
        Ok(zip.finish()?.into_inner())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_same_binary_gives_the_same_package_and_another_one_another_key() {
        let folder = std::env::temp_dir().join(format!("landfall-package-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (one, two) = (folder.join("one"), folder.join("two"));
        std::fs::write(&one, "program").unwrap();
        std::fs::write(&two, "another program").unwrap();
        let first = Package::read("sqs", &one).unwrap();
        let again = Package::read("sqs", &one).unwrap();
        assert_eq!((&first.key, first.zip(Some(9)).unwrap()), (&again.key, again.zip(Some(9)).unwrap()));
        assert_ne!(first.key, Package::read("sqs", &two).unwrap().key);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
