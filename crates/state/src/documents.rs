//! Documents (configs, runs, plans) in the config bucket under `.landfall/`, named by their hash.

use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::StateError;
use crate::store::Store;

/// Where a document lies and what it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentRef {
    /// Key in the config bucket.
    pub key: String,
    /// Hex SHA-256 of its bytes.
    pub sha256: String,
}

impl DocumentRef {
    /// The reference to a document of these bytes, stored or not.
    pub fn of(bytes: &[u8]) -> Self {
        let sha256 = hex::encode(Sha256::digest(bytes));
        Self { key: format!(".landfall/documents/{sha256}"), sha256 }
    }
}

impl Store {
    /// Stores a document under its hash. Storing the same bytes again is harmless.
    pub async fn put_document(&self, bytes: Vec<u8>) -> Result<DocumentRef, StateError> {
        let document = DocumentRef::of(&bytes);
        self.s3
            .put_object()
            .bucket(&*self.bucket)
            .key(&document.key)
            .content_type("application/json")
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(|error| StateError::aws("PutObject", error))?;
        Ok(document)
    }

    /// Reads a document.
    ///
    /// # Errors
    /// [`StateError::Corrupt`] when the bytes do not have the hash that the reference names.
    pub async fn get_document(&self, document: &DocumentRef) -> Result<Vec<u8>, StateError> {
        let answer =
            self.s3.get_object().bucket(&*self.bucket).key(&document.key).send().await.map_err(|error| match error
                .as_service_error()
            {
                Some(GetObjectError::NoSuchKey(_)) => StateError::not_found(format!("the document {}", document.key)),
                Some(_) | None => StateError::aws("GetObject", error),
            })?;
        let bytes = answer
            .body
            .collect()
            .await
            .map_err(|error| StateError::Corrupt { what: document.key.clone(), source: Box::new(error) })?
            .to_vec();
        if hex::encode(Sha256::digest(&bytes)) == document.sha256 {
            return Ok(bytes);
        }
        Err(StateError::Corrupt { what: document.key.clone(), source: "its hash is another one".into() })
    }
}
