//! An installation's state in an account of its own, and the router over it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use lambda_http::Service;
use landfall_api::Letters;
use landfall_control::{Control, Settings};
use landfall_state::{AcquireRequest, Action, Actor, Lease, NewChange, Source};
use landfall_testkit::{LocalAws, make_table};
use serde_json::{Value, json};

use crate::described;

/// Who asks, unless a test says otherwise: the caller in the recorded event.
pub(crate) const ADA: &str = "arn:aws:sts::123456789012:assumed-role/developer/ada";
/// Whose deployments run.
pub(crate) const UPLOADER: &str = "uploader";
/// Somebody else.
pub(crate) const BOB: &str = "arn:aws:iam::123456789012:user/bob";

/// Stays as it is until the test is over.
const WAITS: &str = r#"{"StartAt":"Wait","States":{"Wait":{"Type":"Wait","Seconds":600,"End":true}}}"#;

pub(crate) struct World {
    pub(crate) control: Control,
    pub(crate) letters: Letters,
    pub(crate) account_id: String,
    sqs: aws_sdk_sqs::Client,
    dead_letters: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// Code, message and hint of an error.
    pub(crate) fn error(&self) -> (&str, &str, &str) {
        let part = |name: &str| self.body["error"][name].as_str().unwrap_or_default();
        (part("code"), part("message"), part("hint"))
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let account = LocalAws::shared().account();
        let config = account.sdk_config().await;
        let bucket = format!("config-{}", account.id);
        make_table(&aws_sdk_dynamodb::Client::new(&config)).await;
        let machine = format!("arn:aws:states:{}:{}:stateMachine:landfall-deploy", account.region, account.id);
        let settings = Settings {
            stack: "landfall".to_owned(),
            topic_arn: format!("arn:aws:sns:{}:{}:landfall", account.region, account.id),
            deploy_machine_arn: machine.clone(),
            module_machine_arn: machine.replace("deploy", "module"),
            kinds: ["base", "sqs"].map(str::to_owned).into(),
            versions: std::collections::BTreeMap::new(),
            release: "test".to_owned(),
        };
        let state = landfall_state::Settings { table: "landfall".to_owned(), bucket: bucket.clone() };
        let letters = Letters::new(&config, &settings);
        let control = Control::new(&config, state, settings);
        control.s3.create_bucket().bucket(&bucket).send().await.unwrap();
        control.sns.create_topic().name("landfall").send().await.unwrap();
        let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
            "Principal": { "Service": "states.amazonaws.com" }, "Action": "sts:AssumeRole" }] });
        let role = json!({ "RoleName": "deploy", "AssumeRolePolicyDocument": trust.to_string() });
        account.call("iam", "create_role", &role).unwrap();
        let role = format!("arn:aws:iam::{}:role/deploy", account.id);
        let made = control.sfn.create_state_machine().name("landfall-deploy").definition(WAITS).role_arn(role);
        assert_eq!(made.send().await.unwrap().state_machine_arn, machine);
        let sqs = aws_sdk_sqs::Client::new(&config);
        let queue = sqs.create_queue().queue_name("landfall-dead-letters").send().await.unwrap();
        let dead_letters = queue.queue_url.unwrap();
        Self { control, letters, account_id: account.id, sqs, dead_letters }
    }

    /// Asks as the recorded caller.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.ask_as(ADA, method, path, body).await
    }

    /// Asks as somebody.
    pub(crate) async fn ask_as(&self, arn: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let mut event = event(method, path);
        event["requestContext"]["authorizer"]["iam"]["userArn"] = json!(arn);
        if let Some(body) = body {
            event["body"] = json!(body.to_string());
        }
        self.send(&event).await
    }

    /// Sends an event of API Gateway.
    pub(crate) async fn send(&self, event: &Value) -> Answer {
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let mut router: Router = landfall_api::router(self.control.clone(), self.letters.clone());
        let response = router.call(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let told = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("{status}: {told} is no JSON"));
        assert_eq!(headers["content-type"], "application/json");
        described::holds(&method, &path, status, &body);
        Answer { status, headers, body }
    }

    /// An object in the config bucket.
    pub(crate) async fn put(&self, key: &str, text: &str) {
        let body = text.as_bytes().to_vec().into();
        self.control.s3.put_object().bucket(self.control.store.bucket()).key(key).body(body).send().await.unwrap();
    }

    /// A message in the dead-letter queue.
    pub(crate) async fn letter(&self, body: &str) {
        self.sqs.send_message().queue_url(&self.dead_letters).message_body(body).send().await.unwrap();
    }

    /// A file of an environment that this installation takes.
    pub(crate) fn environment(&self, name: &str) -> String {
        let account = &self.account_id;
        format!(
            "name: {name}\norg_name: tests\nproviders:\n  aws:\n    region: us-east-1\n    account_id: \"{account}\"\n\
             modules:\n  - type: base\n"
        )
    }

    /// A deployment of a layer that runs, in an execution that runs.
    pub(crate) async fn running(&self, layer: &str) -> (u64, String) {
        let source = Source { key: format!("{layer}.yaml"), ..Source::default() };
        let change = NewChange {
            nonce: self.control.store.now().to_string(),
            ..NewChange::new(layer, Action::Deploy, source, Actor(UPLOADER.to_owned()))
        };
        self.control.store.enqueue(change).await.unwrap();
        let started = self.control.start_next(layer).await.unwrap().unwrap();
        let started = self.control.store.deployment(layer, started.number).await.unwrap();
        (started.number, started.execution_arn.unwrap())
    }

    /// The lease of an environment.
    pub(crate) async fn hold(&self, layer: &str, holder: &str) -> Lease {
        let ttl = Duration::from_secs(600);
        let request =
            AcquireRequest { layer, environment: None, holder, doing: "applying", ttl, plans: None, turn: None };
        self.control.store.acquire(request).await.unwrap()
    }
}

/// The recorded event, asking for something else.
pub(crate) fn event(method: &str, path: &str) -> Value {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut event: Value = serde_json::from_str(include_str!("event.json")).unwrap();
    let (raw, query) = path.split_once('?').unwrap_or((path, ""));
    event["rawPath"] = json!(raw);
    event["rawQueryString"] = json!(query);
    event["pathParameters"]["proxy"] = json!(raw.trim_start_matches('/'));
    let context = &mut event["requestContext"];
    context["http"]["method"] = json!(method);
    context["http"]["path"] = json!(raw);
    context["requestId"] = json!(format!("Jx3kPhYhIAMEJqg{}=", COUNTER.fetch_add(1, Ordering::Relaxed)));
    event
}
