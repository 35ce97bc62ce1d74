//! What one step of an execution hands to the next: in the state of the execution where it is small, else through the
//! bucket. A document that is written and read once costs two calls of S3, one after the other.

use std::io::{Read, Write};

use base64::prelude::{BASE64_STANDARD, Engine};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use crate::documents::DocumentRef;
use crate::error::StateError;
use crate::store::Store;

/// Bytes of all parcels that travel in the state of an execution at the same time. It has at most 256 KiB, and holds
/// more than them (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
const ALL: usize = 96 * 1024;

/// Bytes of one of them. The plans of 24 queues that are made have 5 KiB; what does not fit has so much in it that two
/// more calls do not matter.
const ONE: usize = 32 * 1024;

/// A document on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parcel {
    /// The document, deflated, in base64.
    Packed(String),
    /// Where it lies.
    Stored(DocumentRef),
}

/// Bytes of a packed parcel, where so many travel at the same time.
pub fn room(parcels: usize) -> usize {
    ONE.min(ALL / parcels.max(1))
}

impl Parcel {
    /// A packed document; `None` when it needs more bytes than `room`.
    pub fn of(bytes: &[u8], room: usize) -> Option<Self> {
        packed(bytes).filter(|packed| packed.len() <= room).map(Self::Packed)
    }
}

impl Store {
    /// Makes a parcel of a document; what needs more bytes than `room` is stored.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn pack(&self, bytes: Vec<u8>, room: usize) -> Result<Parcel, StateError> {
        match Parcel::of(&bytes, room) {
            Some(packed) => Ok(packed),
            None => self.put_document(bytes).await.map(Parcel::Stored),
        }
    }

    /// The document of a parcel.
    ///
    /// # Errors
    /// [`StateError::Corrupt`] when it is not what was packed.
    pub async fn unpack(&self, parcel: &Parcel) -> Result<Vec<u8>, StateError> {
        match parcel {
            Parcel::Packed(text) => unpacked(text)
                .map_err(|source| StateError::Corrupt { what: "what a step handed on".to_owned(), source }),
            Parcel::Stored(document) => self.get_document(document).await,
        }
    }
}

/// `None` when it cannot be packed; it is stored then.
fn packed(bytes: &[u8]) -> Option<String> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).ok()?;
    Some(BASE64_STANDARD.encode(encoder.finish().ok()?))
}

fn unpacked(text: &str) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let mut bytes = Vec::new();
    DeflateDecoder::new(BASE64_STANDARD.decode(text)?.as_slice()).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_was_packed_comes_out_and_what_was_cut_on_the_way_does_not() {
        let long = "a plan that keeps everything; ".repeat(1000);
        for text in ["", "{}", "Grüße 🚢", &long] {
            assert_eq!(unpacked(&packed(text.as_bytes()).unwrap()).unwrap(), text.as_bytes());
        }
        let whole = packed(long.as_bytes()).unwrap();
        assert!(whole.len() < 500, "{}", whole.len());
        assert!(unpacked(&whole[..whole.len() - 8]).is_err());
        assert!(unpacked("not base64!").is_err());
    }

    #[test]
    fn however_many_travel_they_fit_into_the_state_of_an_execution() {
        assert_eq!(room(1), ONE);
        for parcels in [0, 1, 3, 4, 100, 1000] {
            assert!(room(parcels) * parcels <= ALL, "{parcels}");
        }
    }
}
