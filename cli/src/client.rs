//! Landfall's HTTP API: requests, and what an error answer means for the person at the terminal.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::account::Account;
use crate::api::{Accepted, Deployment, Event, Installation, Layer, entries, read};
use crate::error::{Exit, Failure};
use crate::http::{Answer, Broken, Http, no_answer, refused_credentials, segment};

/// Pauses before a request is sent again.
const PAUSES: [Duration; 3] = [Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(3)];

/// A client of one installation.
pub struct Client {
    /// The account it works in.
    pub account: Account,
    http: Http,
    url: Mutex<String>,
}

/// What a new deployment is asked to do.
#[derive(Clone, Debug, Default)]
pub struct Order<'a> {
    /// `deploy`, `plan`, `destroy`.
    pub action: &'a str,
    /// Uploaded object and its version, when it is not the layer's own.
    pub upload: Option<(&'a str, Option<&'a str>)>,
    /// Key that the config claims.
    pub key: Option<&'a str>,
    /// Chosen environment.
    pub environment: Option<&'a str>,
}

impl Client {
    /// Finds the API.
    pub async fn open(account: Account) -> Result<Self, Failure> {
        let url = account.api_url().await?;
        let Some(credentials) = account.config.credentials_provider() else {
            let error = std::io::Error::other("no source of credentials is configured");
            return Err(crate::http::no_credentials(&error, None));
        };
        let http = Http::new(credentials, account.region.clone());
        Ok(Self { account, http, url: Mutex::new(url) })
    }

    /// Reads something.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.patiently("GET", path, None, None).await
    }

    /// Asks for a deployment of any kind. All tries carry one key, by which the API answers them with one deployment,
    /// also when an answer got lost.
    pub async fn ask(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let key = uuid::Uuid::new_v4().to_string();
        self.patiently("POST", path, Some(body), Some(&key)).await
    }

    /// Sends a request again while nobody could answer it.
    async fn patiently(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Value, Failure> {
        let mut pauses = PAUSES.iter();
        loop {
            let result = self.once(method, path, body, key).await;
            let again = match &result {
                Ok(answer) => answer.status == 429 || answer.status >= 500,
                Err(Broken::Transport(_)) => true,
                Err(Broken::Local(_)) => false,
            };
            match pauses.next() {
                Some(pause) if again => tokio::time::sleep(*pause).await,
                Some(_) | None => return self.understood(method, path, result).await,
            }
        }
    }

    /// Asks for something. Not repeated: what an answer that got lost has done is not known.
    pub async fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value, Failure> {
        let result = self.once(method, path, Some(body), None).await;
        self.understood(method, path, result).await
    }

    /// What is installed.
    pub async fn installation(&self) -> Result<Installation, Failure> {
        read(&self.get("/installation").await?)
    }

    /// A deployment with its modules, as it came.
    pub async fn detail_json(&self, layer: &str, number: u64) -> Result<Value, Failure> {
        self.get(&format!("{}/deployments/{number}", layer_path(layer))).await
    }

    /// The plan of a deployment, as it came.
    pub async fn plan(&self, layer: &str, number: u64) -> Result<Value, Failure> {
        self.get(&format!("{}/deployments/{number}/plan", layer_path(layer))).await
    }

    /// The newest deployment of a layer.
    pub async fn newest(&self, layer: &str) -> Result<Deployment, Failure> {
        let answer = self.get(&format!("{}/deployments?limit=1", layer_path(layer))).await?;
        entries::<Deployment>(&answer, "deployments")?
            .into_iter()
            .next()
            .ok_or_else(|| Failure::new(Exit::NotFound, format!("there is no layer {layer}")))
    }

    /// Events of a deployment, oldest first.
    pub async fn events(&self, layer: &str, number: u64, after: Option<Timestamp>) -> Result<Vec<Event>, Failure> {
        let query = after.map(|at| format!("?after={}", segment(&at.to_string()))).unwrap_or_default();
        let answer = self.get(&format!("{}/deployments/{number}/events{query}", layer_path(layer))).await?;
        entries(&answer, "events")
    }

    /// All events of a deployment as they came, oldest first, page after page.
    pub async fn all_events(&self, layer: &str, number: u64) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::new();
        loop {
            let last = all.last().and_then(|event: &Value| event.get("at")?.as_str().map(segment));
            let query = last.map(|at| format!("?after={at}")).unwrap_or_default();
            let mut answer = self.get(&format!("{}/deployments/{number}/events{query}", layer_path(layer))).await?;
            let more = answer.get("more").and_then(Value::as_bool).unwrap_or_default();
            let Some(Value::Array(page)) = answer.get_mut("events").map(Value::take) else { return Ok(all) };
            let empty = page.is_empty();
            all.extend(page);
            if !more || empty {
                return Ok(all);
            }
        }
    }

    /// What became of every resource of a deployment that did not succeed, as it came.
    pub async fn report(&self, layer: &str, number: u64) -> Result<Value, Failure> {
        self.get(&format!("{}/deployments/{number}/report", layer_path(layer))).await
    }

    /// Outputs of a layer, as they came.
    pub async fn outputs(&self, layer: &str) -> Result<Value, Failure> {
        self.get(&format!("{}/outputs", layer_path(layer))).await
    }

    /// The deployments of a version of a layer's file, newest first.
    pub async fn of_version(&self, layer: &str, version: &str) -> Result<Vec<Deployment>, Failure> {
        let path = format!("{}/deployments?limit=100&version_id={}", layer_path(layer), segment(version));
        entries(&self.get(&path).await?, "deployments")
    }

    /// What to say when a layer is not known: the nearest name that is.
    pub async fn no_such_layer(&self, layer: &str, failure: Failure) -> Failure {
        // Who may not list layers still learns that this one does not exist.
        let Ok(answer) = self.get("/layers").await else { return failure };
        let layers: Vec<Layer> = entries(&answer, "layers").unwrap_or_default();
        let names: Vec<&str> = layers.iter().map(|known| known.layer.as_str()).filter(|name| *name != layer).collect();
        if names.is_empty() {
            return failure.with_hint_if_none("nothing is deployed yet; begin with: landfall deploy env.yaml");
        }
        match landfall_config::nearest(layer, names.iter().copied()) {
            Some(near) => failure.with_hint_if_none(format!("did you mean {near}?")),
            None if names.len() <= 10 => failure.with_hint_if_none(format!("known layers: {}", names.join(", "))),
            None => failure.with_hint_if_none("all layers: landfall status"),
        }
    }

    /// Asks for a deployment.
    pub async fn order(&self, layer: &str, order: &Order<'_>) -> Result<Accepted, Failure> {
        let mut body = json!({ "action": order.action });
        if let Some((key, version)) = order.upload {
            body["upload"] = json!({ "key": key, "version_id": version });
        }
        if let Some(key) = order.key {
            body["key"] = json!(key);
        }
        if let Some(environment) = order.environment {
            body["environment"] = json!(environment);
        }
        read(&self.ask(&format!("{}/deployments", layer_path(layer)), &body).await?)
    }

    /// Decides on a plan.
    pub async fn decide(&self, id: (&str, u64), hash: &str, decision: &str, reason: &str) -> Result<Value, Failure> {
        let reason = Some(reason).filter(|reason| !reason.is_empty());
        let body = json!({ "decision": decision, "plan_hash": hash, "reason": reason });
        self.send("POST", &format!("{}/deployments/{}/approval", layer_path(id.0), id.1), &body).await
    }

    /// Sends a request; again when the address that was remembered is not that of our API any more. Whoever answered
    /// there has not understood the request, so that repeating it is harmless.
    async fn once(&self, method: &str, path: &str, body: Option<&Value>, key: Option<&str>) -> Result<Answer, Broken> {
        let url = self.url();
        let result = self.http.send_as(method, &format!("{url}{path}"), body, key).await;
        let is_strange = result.as_ref().is_ok_and(|answer| answer.status == 404 && answer.body["error"].is_null());
        if !is_strange || self.account.is_api_given() {
            return result;
        }
        self.account.forget_api().await;
        match self.account.api_url().await {
            Ok(found) if found != url => {
                let again = self.http.send_as(method, &format!("{found}{path}"), body, key).await;
                *self.url.lock().unwrap_or_else(PoisonError::into_inner) = found;
                again
            }
            Ok(_) => result,
            Err(failure) => Err(Broken::Local(failure)),
        }
    }

    fn url(&self) -> String {
        self.url.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn understood(&self, method: &str, path: &str, result: Result<Answer, Broken>) -> Result<Value, Failure> {
        match result {
            Ok(answer) if answer.status < 400 => Ok(answer.body),
            Ok(answer) => Err(self.refused(method, path, &answer)),
            Err(Broken::Local(failure)) => Err(failure),
            Err(Broken::Transport(reason)) => {
                self.account.forget_api().await;
                let hint = if self.account.is_api_given() {
                    "is the address right? it was given by --api or LANDFALL_API"
                } else {
                    "the address came from the stack's output ApiUrl and is looked up again next time"
                };
                Err(no_answer("Landfall", &self.url(), &reason).with_hint_if_none(hint))
            }
        }
    }

    /// Our own errors are `{error: {code, message, hint}}`; API Gateway's are `{message}`.
    fn refused(&self, method: &str, path: &str, answer: &Answer) -> Failure {
        let own = &answer.body["error"];
        let said = own["message"]
            .as_str()
            .or_else(|| answer.body["message"].as_str())
            .or_else(|| answer.body["Message"].as_str())
            .or_else(|| answer.body.as_str())
            .unwrap_or_default()
            .trim();
        if own.is_null()
            && matches!(answer.status, 401 | 403)
            && let Some(failure) = refused_credentials(said)
        {
            return failure;
        }
        let hint = own["hint"].as_str().map(str::to_owned);
        let plain_path = path.split('?').next().unwrap_or(path);
        let (exit, message, fallback) = match answer.status {
            401 | 403 if own.is_null() => (
                Exit::Unreachable,
                format!("denied: {method} {plain_path}: {}", if said.is_empty() { "forbidden" } else { said }),
                Some(format!(
                    "the caller needs execute-api:Invoke on arn:aws:execute-api:{}:*:*/*/{method}{plain_path}",
                    self.account.region
                )),
            ),
            401 | 403 => (Exit::Unreachable, said.to_owned(), None),
            404 if own.is_null() => (
                Exit::NotFound,
                format!("not found: {method} {plain_path}"),
                Some("is this the address of Landfall's API? see --api".to_owned()),
            ),
            404 => (Exit::NotFound, said.to_owned(), None),
            409 | 423 => (Exit::InTheWay, said.to_owned(), None),
            400..=499 => (Exit::Invalid, said.to_owned(), None),
            status => (
                Exit::Failed,
                format!("{method} {plain_path} failed with status {status}: {said}"),
                Some("the log of the api function says more".to_owned()),
            ),
        };
        let message =
            if message.is_empty() { format!("{method} {plain_path}: status {}", answer.status) } else { message };
        Failure { exit, message, hint: hint.or(fallback) }
    }
}

/// The path of a layer.
pub fn layer_path(layer: &str) -> String {
    format!("/layers/{}", segment(layer))
}
