//! What the command shows of events that nobody could take, from recorded answers of the API.

#![allow(clippy::unwrap_used)]

mod common;

use common::Installation;
use serde_json::{Value, json};

fn transcript(installation: &Installation, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    installation.run(folder.path(), arguments).transcript(arguments)
}

fn letters() -> Value {
    json!({
        "count": 2, "in_flight": 1,
        "letters": [
            { "id": "m1", "sent_at": "2026-05-01T10:00:00Z", "kind": "upload", "about": "shop.yaml, version v7",
              "error": "Query failed (AccessDeniedException): not authorized to perform: dynamodb:Query on resource: \
                        arn:aws:dynamodb:eu-central-1:111122223333:table/landfall" },
            { "id": "m2", "sent_at": "2026-05-01T10:00:02Z", "kind": "unknown",
              "about": "something that Landfall does not know", "error": null },
        ],
        "discarded": [
            { "id": "m0", "sent_at": "2026-04-01T10:00:00Z", "about": "old.yaml, version v1", "body": "{}",
              "by": "arn:aws:iam::111122223333:user/ana", "reason": "tests of last week", "at": "2026-04-02T10:00:00Z" },
        ],
    })
}

fn end(id: &str, about: &str, end: &str, message: &str) -> Value {
    json!({ "id": id, "about": about, "end": end, "message": message, "deployment": null })
}

#[test]
fn dead_letters_are_listed_with_why_and_since_when() {
    let installation = Installation::new().answer("GET /dead-letters", 200, letters());
    insta::assert_snapshot!(transcript(&installation, &["redrive", "--list"]));
    assert_eq!(installation.requests().len(), 1, "a list asks for nothing else");
}

#[test]
fn what_became_of_each_letter_is_said_and_one_that_stays_is_a_failure() {
    let kept = end("m2", "something that Landfall does not know", "kept", "it is no event that Landfall knows");
    let again = json!({ "letters": [kept], "more": true });
    let became = end("m1", "shop.yaml, version v7", "processed", "became shop/14");
    let both = json!({ "letters": [became, kept], "more": true });
    let installation = Installation::new()
        .answer("GET /dead-letters", 200, letters())
        .answer("POST /dead-letters/redrive", 200, both)
        .answer("POST /dead-letters/redrive", 200, again);
    insta::assert_snapshot!(transcript(&installation, &["redrive"]));
    assert_eq!(installation.requests().len(), 3, "it asks until nothing more gets done");
}

#[test]
fn nothing_is_discarded_without_a_reason() {
    let installation = Installation::new().answer("GET /dead-letters", 200, letters());
    let refused = transcript(&installation, &["redrive", "--discard"]);
    assert!(refused.contains("--reason") && refused.contains("[exit 2]"), "{refused}");
    assert!(installation.requests().is_empty());
}

#[test]
fn without_dead_letters_there_is_nothing_to_do() {
    let none = json!({ "count": 0, "in_flight": 0, "letters": [], "discarded": [] });
    let installation = Installation::new().answer("GET /dead-letters", 200, none);
    assert_eq!(
        transcript(&installation, &["redrive"]),
        "$ landfall redrive\nNo dead letters: every event was taken.\n[exit 0]\n"
    );
}
