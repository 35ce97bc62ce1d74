//! Dead letters: events and calls that nobody could take. They are listed, processed again, or discarded with a record.
//!
//! A letter is deleted only after what it became is recorded. A crash before that leaves it, and processing it again
//! does nothing twice: changes have derived ids.

mod read;

use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
};
use axum::extract::State;
use axum::{Extension, Json};
use landfall_control::{Control, Settings};
use landfall_state::{Action, Actor, Discarded, NewChange, Source, StateError};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::answer::{ApiError, Caller};
use crate::decide::reason_of;
use crate::extract::Body;
use crate::schema::{self, LetterEnd, LetterKind};
use read::Letter;

/// How long new letters are begun in one request.
const BEGINNING: Duration = Duration::from_secs(8);
/// How long a function may take for one letter: with the time above less than the 30 seconds of API Gateway.
const PROCESSING: Duration = Duration::from_secs(18);
/// How long nobody else sees a letter that is being processed.
const HIDDEN: i32 = 60;
/// Letters in one list.
const MOST: usize = 100;

/// The dead-letter queue, and who takes what lies in it.
#[derive(Clone, Debug)]
pub struct Letters {
    sqs: aws_sdk_sqs::Client,
    lambda: aws_sdk_lambda::Client,
    queue: String,
}

impl Letters {
    /// Of an installation.
    pub fn new(config: &SdkConfig, settings: &Settings) -> Self {
        let patient = TimeoutConfig::builder().connect_timeout(Duration::from_secs(2)).operation_timeout(PROCESSING);
        // A call that is tried again would not be over in time.
        let lambda = config.to_builder().timeout_config(patient.build()).retry_config(RetryConfig::disabled()).build();
        Self {
            sqs: aws_sdk_sqs::Client::new(config),
            lambda: aws_sdk_lambda::Client::new(&lambda),
            queue: format!("{}-dead-letters", settings.stack),
        }
    }

    async fn url(&self) -> Result<String, ApiError> {
        let answer = self.sqs.get_queue_url().queue_name(&self.queue).send().await;
        let answer = answer.map_err(|error| refused("GetQueueUrl", &self.queue, &error))?;
        answer.queue_url.ok_or_else(|| ApiError::internal(format!("there is no queue {}", self.queue)))
    }

    /// About how many letters lie there, and how many somebody is looking at.
    async fn counts(&self, url: &str) -> Result<(usize, usize), ApiError> {
        let visible = QueueAttributeName::ApproximateNumberOfMessages;
        let hidden = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
        let names = [visible.clone(), hidden.clone()];
        let asked = self.sqs.get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec()));
        let answer = asked.send().await.map_err(|error| refused("GetQueueAttributes", &self.queue, &error))?;
        let count = |name| answer.attributes()?.get(name)?.parse().ok();
        Ok((count(&visible).unwrap_or_default(), count(&hidden).unwrap_or_default()))
    }

    async fn receive(&self, url: &str, wait: bool) -> Result<Vec<Message>, ApiError> {
        let answer = self
            .sqs
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(10)
            // Only a call that waits asks all the servers of a queue.
            .wait_time_seconds(i32::from(wait))
            .visibility_timeout(HIDDEN)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_attribute_names("All")
            .send()
            .await;
        Ok(answer.map_err(|error| refused("ReceiveMessage", &self.queue, &error))?.messages.unwrap_or_default())
    }

    /// Lets everybody see these letters again. Where that fails they come back by themselves.
    async fn release(&self, url: &str, letters: &[Letter]) {
        for letters in letters.chunks(10) {
            let entries = letters.iter().enumerate().filter_map(|(place, letter)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(place.to_string());
                entry.receipt_handle(&letter.receipt).visibility_timeout(0).build().ok()
            });
            let asked = self.sqs.change_message_visibility_batch().queue_url(url).set_entries(Some(entries.collect()));
            if let Err(error) = asked.send().await {
                tracing::warn!(?error, "letters stay hidden for a while");
            }
        }
    }

    async fn delete(&self, url: &str, letter: &Letter) -> Result<(), ApiError> {
        let asked = self.sqs.delete_message().queue_url(url).receipt_handle(&letter.receipt);
        asked.send().await.map_err(|error| refused("DeleteMessage", &self.queue, &error))?;
        Ok(())
    }

    /// Calls a function with what it could not take, and answers what it answers.
    async fn call(&self, function: &str, payload: &Value) -> Result<Value, String> {
        let asked = self.lambda.invoke().function_name(function).payload(Blob::new(payload.to_string()));
        let answer = asked.send().await.map_err(|error| match (error.code(), error.message()) {
            (Some(code), message) => format!("Invoke failed ({code}): {}", message.unwrap_or("no message")),
            (None, _) => {
                "the function did not answer in time; what it did shows in the history of the layer".to_owned()
            }
        })?;
        let told = answer.payload.map(Blob::into_inner).unwrap_or_default();
        let told: Value = serde_json::from_slice(&told).unwrap_or_default();
        match answer.function_error {
            None => Ok(told),
            Some(error) => Err(told["errorMessage"].as_str().map_or(error, str::to_owned)),
        }
    }
}

fn refused<E, R>(operation: &str, queue: &str, error: &aws_sdk_sqs::error::SdkError<E, R>) -> ApiError
where
    E: ProvideErrorMetadata + std::fmt::Debug,
    R: std::fmt::Debug,
{
    tracing::error!(operation, ?error, "dead letters");
    let said = error.message().unwrap_or("no answer");
    match error.code() {
        Some(code) if code.contains("NonExistentQueue") || code.contains("QueueDoesNotExist") => {
            ApiError::internal(format!("the queue {queue} is gone")).with_hint("make it again: landfall bootstrap")
        }
        Some(code) => ApiError::internal(format!("{operation} on {queue} failed ({code}): {said}")),
        None => ApiError::busy(format!("{queue} does not answer: {said}")),
    }
}

/// What nobody could take, oldest first. Looking hides a letter from others for a moment.
#[utoipa::path(
    get,
    path = "/dead-letters",
    operation_id = "listDeadLetters",
    tag = "layers",
    responses((status = 200, description = "The letters", body = schema::DeadLetters))
)]
pub(crate) async fn list(
    State(control): State<Control>,
    Extension(letters): Extension<Letters>,
) -> Result<Json<schema::DeadLetters>, ApiError> {
    let begun = Instant::now();
    let url = letters.url().await?;
    let (count, in_flight) = letters.counts(&url).await?;
    let mut found: Vec<Letter> = Vec::new();
    while found.len() < MOST && begun.elapsed() < BEGINNING {
        let more = letters.receive(&url, found.len() < count).await?;
        if more.is_empty() {
            break;
        }
        found.extend(more.iter().map(Letter::read));
    }
    letters.release(&url, &found).await;
    found.sort_by_key(|letter| letter.sent_at);
    let discarded = control.store.discarded(20).await?;
    Ok(Json(schema::DeadLetters {
        count: count.max(found.len()),
        in_flight,
        letters: found.iter().map(Letter::shown).collect(),
        discarded: discarded.into_iter().map(shown).collect(),
    }))
}

fn shown(discarded: Discarded) -> schema::DiscardedLetter {
    schema::DiscardedLetter {
        id: discarded.id,
        sent_at: discarded.sent_at.to_string(),
        about: discarded.about,
        body: discarded.body,
        by: discarded.by,
        reason: discarded.reason,
        at: discarded.at.to_string(),
    }
}

/// What is done with the letters.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redrive {
    /// Discard them instead of processing them again.
    #[serde(default)]
    discard: bool,
    /// Why they are discarded. Recorded.
    #[serde(default)]
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// Processes the dead letters again, or discards them. What cannot be taken this time either stays.
#[utoipa::path(
    post,
    path = "/dead-letters/redrive",
    operation_id = "redriveDeadLetters",
    tag = "layers",
    request_body(content = Option<Redrive>, description = "May be left out: the letters are processed again"),
    responses(
        (status = 200, description = "What became of them", body = schema::Redriven),
        (status = 400, description = "Discarding without a reason", body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn redrive(
    State(control): State<Control>,
    Extension(letters): Extension<Letters>,
    caller: Caller,
    Body(redrive): Body<Redrive>,
) -> Result<Json<schema::Redriven>, ApiError> {
    let reason = reason_of(redrive.reason.as_deref())?;
    if redrive.discard && reason.is_none() {
        return Err(ApiError::invalid("what is discarded needs a reason", "add --reason WHY; it is recorded"));
    }
    let begun = Instant::now();
    let url = letters.url().await?;
    let (count, _) = letters.counts(&url).await?;
    let (mut ends, mut left, mut seen) = (Vec::new(), Vec::new(), 0);
    let more = loop {
        let mut batch: Vec<Letter> = letters.receive(&url, seen < count).await?.iter().map(Letter::read).collect();
        if batch.is_empty() {
            break false;
        }
        seen += batch.len();
        batch.sort_by_key(|letter| letter.sent_at);
        for letter in batch {
            if begun.elapsed() > BEGINNING {
                left.push(letter);
                continue;
            }
            let mut end = match reason.filter(|_| redrive.discard) {
                Some(reason) => discard(&control, &letter, &caller, reason).await,
                None => process(&control, &letters, &letter).await,
            };
            if end.end != LetterEnd::Kept
                && let Err(error) = letters.delete(&url, &letter).await
            {
                let message = format!("{}; it could not be removed and comes again: {}", end.message, error.message());
                end = schema::RedrivenLetter { end: LetterEnd::Kept, message, ..end };
            }
            if end.end == LetterEnd::Kept {
                left.push(letter);
            }
            ends.push(end);
        }
        if begun.elapsed() > BEGINNING {
            break true;
        }
    };
    letters.release(&url, &left).await;
    Ok(Json(schema::Redriven { letters: ends, more }))
}

/// Hands a letter to the function that could not take it.
async fn process(control: &Control, letters: &Letters, letter: &Letter) -> schema::RedrivenLetter {
    let function = match letter.kind {
        LetterKind::Upload => "intake",
        LetterKind::ExecutionDied => "coordinator",
        LetterKind::Schedule => {
            return letter.end(LetterEnd::Processed, "nothing to do: the clock has come again since".to_owned(), None);
        }
        LetterKind::Unknown => {
            let message = "it is no event that Landfall knows; remove it: landfall redrive --discard --reason WHY";
            return letter.end(LetterEnd::Kept, message.to_owned(), None);
        }
    };
    match letters.call(&control.settings.function_alias(function), &letter.payload).await {
        Ok(answer) => {
            let (message, deployment) = read::became(letter.kind, &answer);
            letter.end(LetterEnd::Processed, message, deployment)
        }
        Err(error) => letter.end(LetterEnd::Kept, error, None),
    }
}

/// Records that a letter is discarded: for itself, and with the layer or the deployment that it is about.
async fn discard(control: &Control, letter: &Letter, caller: &Caller, reason: &str) -> schema::RedrivenLetter {
    let message = format!("discarded by {}: {reason}", caller.arn);
    match record(control, letter, caller, reason, &message).await {
        Ok(deployment) => letter.end(LetterEnd::Discarded, message, deployment),
        Err(error) => letter.end(LetterEnd::Kept, error.to_string(), None),
    }
}

async fn record(
    control: &Control,
    letter: &Letter,
    caller: &Caller,
    reason: &str,
    message: &str,
) -> Result<Option<String>, StateError> {
    let discarded = Discarded {
        id: letter.id.clone(),
        sent_at: letter.sent_at,
        about: letter.about.clone(),
        body: letter.body.clone(),
        by: caller.arn.clone(),
        reason: reason.to_owned(),
        at: control.store.now(),
    };
    control.store.discard(&discarded).await?;
    match letter.kind {
        LetterKind::Upload => discarded_upload(control, letter, caller, message).await,
        LetterKind::ExecutionDied => {
            let Some((layer, number)) = letter.deployment() else { return Ok(None) };
            match control.store.deployment(&layer, number).await {
                Ok(deployment) => {
                    control.store.happened(&layer, number, "discarded", None, message).await?;
                    Ok(Some(deployment.id().to_string()))
                }
                Err(StateError::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        }
        LetterKind::Schedule | LetterKind::Unknown => Ok(None),
    }
}

/// An upload that is discarded is a change that was rejected, unless it had become a deployment before.
async fn discarded_upload(
    control: &Control,
    letter: &Letter,
    caller: &Caller,
    message: &str,
) -> Result<Option<String>, StateError> {
    let Some(upload) = letter.upload() else { return Ok(None) };
    let layer = control.layer_named_by(&upload.key).await?;
    let object = control.read_object(&upload.key, upload.version_id.as_deref()).await?;
    let (version_id, etag) = match object {
        Some(object) => (object.version_id, object.etag),
        None => (upload.version_id, upload.etag),
    };
    let sequencer = Some(upload.sequencer).filter(|sequencer| !sequencer.is_empty());
    let source = Source { key: upload.key, object: None, version_id, etag, sequencer };
    let change = NewChange::new(layer, Action::Deploy, source, Actor(caller.arn.clone()));
    let rejected = control.store.reject(change, message, None).await?;
    if !rejected.duplicate {
        control.announce(&rejected.deployment, "rejected", message).await?;
    }
    Ok(Some(rejected.deployment.id().to_string()))
}
