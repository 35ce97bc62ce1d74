//! Documents lie in the config bucket under their hash and are what they say, or are refused.

use landfall_state::{DocumentRef, StateError};

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_read_back_and_stored_under_its_hash() {
    let world = World::on_local_aws().await.with_bucket().await;
    let bytes = br#"{"modules":["queue"]}"#.to_vec();
    let document = world.store.put_document(bytes.clone()).await.unwrap();
    assert_eq!(document.key, format!(".landfall/documents/{}", document.sha256));
    assert_eq!(world.store.put_document(bytes.clone()).await.unwrap(), document);
    assert_eq!(world.store.get_document(&document).await.unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_was_changed_or_is_gone_is_refused() {
    let world = World::on_local_aws().await.with_bucket().await;
    let document = world.store.put_document(b"plan".to_vec()).await.unwrap();
    let changed = DocumentRef { sha256: "0".repeat(64), ..document.clone() };
    let refused = world.store.get_document(&changed).await.unwrap_err();
    assert!(matches!(refused, StateError::Corrupt { .. }));
    assert_eq!(refused.to_string(), format!("the record {} cannot be read", document.key));
    let gone = DocumentRef { key: ".landfall/documents/none".to_owned(), ..document };
    let missing = world.store.get_document(&gone).await.unwrap_err();
    assert_eq!(missing.to_string(), "the document .landfall/documents/none does not exist");
}
