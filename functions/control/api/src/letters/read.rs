//! What a dead letter is: pure, from the two forms in which messages come.
//!
//! EventBridge leaves the event with its error in the attributes
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html>). Lambda leaves a record of the call, with
//! the event in it (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>).

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use landfall_state::Timestamp;
use serde_json::Value;

use crate::schema::{DeadLetter, LetterEnd, LetterKind, RedrivenLetter};

/// A message of the dead-letter queue.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) id: String,
    pub(super) receipt: String,
    pub(super) sent_at: Timestamp,
    pub(super) kind: LetterKind,
    pub(super) about: String,
    pub(super) error: Option<String>,
    pub(super) payload: Value,
    pub(super) body: String,
}

/// The upload that a letter is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) version_id: Option<String>,
    pub(super) etag: Option<String>,
    pub(super) sequencer: String,
}

impl Letter {
    pub(super) fn read(message: &Message) -> Self {
        let body = message.body().unwrap_or_default().to_owned();
        let mut whole: Value = serde_json::from_str(&body).unwrap_or_default();
        let is_call = whole["requestContext"].is_object() && !whole["requestPayload"].is_null();
        let (payload, error) = if is_call {
            let error =
                text(&whole, "/responsePayload/errorMessage").or_else(|| text(&whole, "/requestContext/condition"));
            (whole["requestPayload"].take(), error)
        } else {
            let said = |name| message.message_attributes()?.get(name)?.string_value().map(str::to_owned);
            (whole, said("ERROR_MESSAGE").or_else(|| said("ERROR_CODE")))
        };
        let kind = kind(&payload);
        let sent = message.attributes().and_then(|all| all.get(&MessageSystemAttributeName::SentTimestamp));
        let sent = sent.and_then(|sent| Timestamp::from_millisecond(sent.parse().ok()?).ok());
        Self {
            id: message.message_id().unwrap_or_default().to_owned(),
            receipt: message.receipt_handle().unwrap_or_default().to_owned(),
            sent_at: sent.unwrap_or(Timestamp::UNIX_EPOCH),
            about: about(kind, &payload),
            kind,
            error,
            payload,
            body,
        }
    }

    pub(super) fn shown(&self) -> DeadLetter {
        DeadLetter {
            id: self.id.clone(),
            sent_at: self.sent_at.to_string(),
            kind: self.kind,
            about: self.about.clone(),
            error: self.error.clone(),
        }
    }

    pub(super) fn end(&self, end: LetterEnd, message: String, deployment: Option<String>) -> RedrivenLetter {
        RedrivenLetter { id: self.id.clone(), about: self.about.clone(), end, message, deployment }
    }

    pub(super) fn upload(&self) -> Option<Upload> {
        Some(Upload {
            key: text(&self.payload, "/detail/object/key")?,
            version_id: text(&self.payload, "/detail/object/version-id"),
            etag: text(&self.payload, "/detail/object/etag"),
            sequencer: text(&self.payload, "/detail/object/sequencer").unwrap_or_default(),
        })
    }

    /// The deployment whose execution died.
    pub(super) fn deployment(&self) -> Option<(String, u64)> {
        let input: Value = serde_json::from_str(&text(&self.payload, "/detail/input")?).ok()?;
        Some((text(&input, "/layer")?, input["number"].as_u64()?))
    }
}

fn kind(payload: &Value) -> LetterKind {
    match payload["source"].as_str() {
        Some("aws.s3") if payload["detail"]["object"]["key"].is_string() => LetterKind::Upload,
        Some("aws.states") if payload["detail"]["executionArn"].is_string() => LetterKind::ExecutionDied,
        Some("aws.events" | "aws.scheduler") => LetterKind::Schedule,
        _ if payload["op"].is_string() => LetterKind::Schedule,
        _ => LetterKind::Unknown,
    }
}

fn about(kind: LetterKind, payload: &Value) -> String {
    match kind {
        LetterKind::Upload => {
            let key = text(payload, "/detail/object/key").unwrap_or_default();
            match text(payload, "/detail/object/version-id") {
                Some(version) => format!("{key}, version {version}"),
                None => key,
            }
        }
        LetterKind::ExecutionDied => {
            let arn = text(payload, "/detail/executionArn").unwrap_or_default();
            let status = text(payload, "/detail/status").unwrap_or_default();
            format!("execution {} ended as {status}", arn.rsplit(':').next().unwrap_or_default())
        }
        LetterKind::Schedule => {
            format!("the schedule of {}", text(payload, "/op").unwrap_or_else(|| "a rule".to_owned()))
        }
        LetterKind::Unknown => "something that Landfall does not know".to_owned(),
    }
}

/// What a letter became, from the answer of the function that took it.
pub(super) fn became(kind: LetterKind, answer: &Value) -> (String, Option<String>) {
    if kind == LetterKind::ExecutionDied {
        return ("its deployment has ended".to_owned(), None);
    }
    let deployment = text(answer, "/deployment");
    let id = deployment.clone().unwrap_or_default();
    let message = match (answer["outcome"].as_str(), answer["duplicate"] == true) {
        (Some("queued"), false) => format!("became {id}"),
        (Some("queued"), true) => format!("had become {id} before"),
        (Some("rejected"), _) => format!("became {id}, rejected: {}", text(answer, "/message").unwrap_or_default()),
        (Some("ignored"), _) => format!("nothing to do: {}", text(answer, "/reason").unwrap_or_default()),
        _ => "done".to_owned(),
    };
    (message, deployment)
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aws_sdk_sqs::types::MessageAttributeValue;
    use serde_json::json;

    fn upload() -> Value {
        json!({ "source": "aws.s3", "detail-type": "Object Created", "detail": {
            "object": { "key": "env.yaml", "version-id": "v1", "etag": "e1", "sequencer": "0a" } } })
    }

    fn read(body: &Value) -> Letter {
        let sent = (MessageSystemAttributeName::SentTimestamp, "1795608000000".to_owned());
        let message = Message::builder().message_id("m1").receipt_handle("r1").body(body.to_string());
        Letter::read(&message.set_attributes(Some([sent].into())).build())
    }

    #[test]
    fn a_call_that_failed_holds_the_event_and_the_error() {
        let letter = read(&json!({
            "requestContext": { "condition": "RetriesExhausted" }, "requestPayload": upload(),
            "responsePayload": { "errorMessage": "the state cannot be reached" },
        }));
        assert_eq!((letter.kind, letter.about.as_str()), (LetterKind::Upload, "env.yaml, version v1"));
        assert_eq!(letter.error.as_deref(), Some("the state cannot be reached"));
        assert_eq!(letter.payload, upload());
        assert_eq!(letter.sent_at.to_string(), "2026-11-25T12:00:00Z");
        let expected = Upload {
            key: "env.yaml".into(),
            version_id: Some("v1".into()),
            etag: Some("e1".into()),
            sequencer: "0a".into(),
        };
        assert_eq!(letter.upload(), Some(expected));
    }

    #[test]
    fn an_event_that_was_not_delivered_has_its_error_beside_it() {
        let error = MessageAttributeValue::builder().data_type("String").string_value("no permission").build().unwrap();
        let message = Message::builder().body(upload().to_string()).message_attributes("ERROR_MESSAGE", error).build();
        let letter = Letter::read(&message);
        assert_eq!((letter.kind, letter.error.as_deref()), (LetterKind::Upload, Some("no permission")));
    }

    #[test]
    fn each_kind_of_letter_is_known_by_its_event() {
        let died = json!({ "source": "aws.states", "detail": {
            "executionArn": "arn:aws:states:eu-west-1:1:execution:landfall-deploy:shop-3-ab", "status": "ABORTED",
            "input": "{\"layer\":\"shop\",\"number\":3}" } });
        let letter = read(&died);
        assert_eq!(
            (letter.kind, letter.about.as_str()),
            (LetterKind::ExecutionDied, "execution shop-3-ab ended as ABORTED")
        );
        assert_eq!(letter.deployment(), Some(("shop".to_owned(), 3)));
        assert_eq!(read(&json!({ "op": "sweep" })).about, "the schedule of sweep");
        assert_eq!(read(&json!({ "source": "aws.events" })).kind, LetterKind::Schedule);
        assert_eq!(read(&json!("rubbish")).kind, LetterKind::Unknown);
    }

    #[test]
    fn the_answer_of_the_intake_says_what_a_letter_became() {
        for (answer, said, deployment) in [
            (
                json!({ "outcome": "queued", "deployment": "shop/3", "duplicate": false }),
                "became shop/3",
                Some("shop/3"),
            ),
            (
                json!({ "outcome": "queued", "deployment": "shop/3", "duplicate": true }),
                "had become shop/3 before",
                Some("shop/3"),
            ),
            (
                json!({ "outcome": "rejected", "deployment": "shop/4", "message": "no" }),
                "became shop/4, rejected: no",
                Some("shop/4"),
            ),
            (json!({ "outcome": "ignored", "reason": "it is gone" }), "nothing to do: it is gone", None),
        ] {
            assert_eq!(became(LetterKind::Upload, &answer), (said.to_owned(), deployment.map(str::to_owned)));
        }
    }
}
