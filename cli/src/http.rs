//! Signed HTTP requests. The transport is the one of the AWS SDK, so there is one TLS stack and one set of proxy rules.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector, proxy::ProxyConfig};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpClient};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use jiff::Timestamp;
use serde_json::Value;

use crate::error::{Exit, Failure, chain};

/// An answer later than this is no answer: API Gateway itself gives up after 30 seconds.
const TIMEOUT: Duration = Duration::from_secs(35);

/// Names under `localhost` are this machine (RFC 6761, section 6.3), which the system's resolver need not know; other
/// names are looked up as usual.
#[derive(Clone, Debug)]
pub struct Names;

impl ResolveDns for Names {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            if name == "localhost" || name.ends_with(".localhost") {
                return Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]);
            }
            let found = tokio::net::lookup_host((name, 0)).await.map_err(ResolveDnsError::new)?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// The transport for the SDK's own clients.
pub fn sdk_transport() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_with_resolver(Names)
}

/// Sends signed requests.
pub struct Http {
    connector: Connector,
    credentials: SharedCredentialsProvider,
    region: String,
    /// Name of the service in signatures.
    service: &'static str,
    /// The operation, of a service that takes it in a header.
    target: Option<&'static str>,
}

/// A status and a body.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON body; text that is not JSON as a string.
    pub body: Value,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Broken {
    /// Nobody answered; the text says why.
    Transport(String),
    /// The request could not even be made.
    Local(Failure),
}

impl Http {
    /// Calls of an operation of a service of AWS that speaks JSON
    /// (<https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>).
    pub fn operation(
        credentials: SharedCredentialsProvider,
        region: String,
        service: &'static str,
        target: &'static str,
    ) -> Self {
        Self { service, target: Some(target), ..Self::new(credentials, region) }
    }

    /// Requests to our API, signed for a region by credentials.
    pub fn new(credentials: SharedCredentialsProvider, region: String) -> Self {
        Self { connector: connector(), credentials, region, service: "execute-api", target: None }
    }

    /// Sends one request.
    pub async fn send(&self, method: &str, url: &str, body: Option<&Value>) -> Result<Answer, Broken> {
        self.send_as(method, url, body, None).await
    }

    /// Sends one request that the API knows again by `key`.
    pub async fn send_as(
        &self,
        method: &str,
        url: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Answer, Broken> {
        let mut request = self.signed(method, url, body).await.map_err(Broken::Local)?;
        if let Some(key) = key {
            request.headers_mut().insert("idempotency-key", key.to_owned());
        }
        let lost = |error: &dyn std::error::Error| Broken::Transport(chain(error));
        let exchange = async {
            let response = self.connector.call(request).await.map_err(|error| lost(&error))?;
            let status = response.status().as_u16();
            let body = ByteStream::new(response.into_body()).collect().await.map_err(|error| lost(&error))?.to_vec();
            let body = serde_json::from_slice(&body)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
            Ok(Answer { status, body })
        };
        let late = || Broken::Transport(format!("no answer within {} seconds", TIMEOUT.as_secs()));
        tokio::time::timeout(TIMEOUT, exchange).await.map_err(|_| late())?
    }

    async fn signed(&self, method: &str, url: &str, body: Option<&Value>) -> Result<HttpRequest, Failure> {
        let credentials = self.credentials.provide_credentials().await.map_err(|error| no_credentials(&error, None))?;
        let invalid = |error: &dyn std::error::Error| {
            Failure::new(Exit::Invalid, format!("cannot send a request to {url}: {}", chain(error)))
        };
        let payload = body.map(Value::to_string).unwrap_or_default();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .map_err(|error| invalid(&error))?;
        let kind = if self.target.is_some() { "application/x-amz-json-1.0" } else { "application/json" };
        let content = body.map(|_| ("content-type", kind));
        let content: Vec<_> = content.into_iter().chain(self.target.map(|target| ("x-amz-target", target))).collect();
        let signable =
            SignableRequest::new(method, url, content.iter().copied(), SignableBody::Bytes(payload.as_bytes()))
                .map_err(|error| invalid(&error))?;
        let (instructions, _) = sign(signable, &params.into()).map_err(|error| invalid(&error))?.into_parts();

        let mut request = HttpRequest::new(SdkBody::from(payload));
        request.set_method(method).map_err(|error| invalid(&error))?;
        request.set_uri(url.to_owned()).map_err(|error| invalid(&error))?;
        let agent = concat!("landfall/", env!("CARGO_PKG_VERSION"));
        request.headers_mut().insert("user-agent", agent);
        for (name, value) in content {
            request.headers_mut().insert(name, value);
        }
        for (name, value) in instructions.headers() {
            request.headers_mut().insert(name.to_owned(), value.to_owned());
        }
        Ok(request)
    }
}

/// What time it is where `url` is: the header `date` of its answer, whatever that is.
pub async fn date_of(url: &str) -> Result<Timestamp, String> {
    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_uri(url.to_owned()).map_err(|error| chain(&error))?;
    let exchange = async {
        let response = connector().call(request).await.map_err(|error| chain(&error))?;
        let date = response.headers().get("date").ok_or_else(|| format!("{url} does not tell the time"))?;
        // Source: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
        jiff::fmt::rfc2822::parse(date).map(|at| at.timestamp()).map_err(|error| format!("{date}: {error}"))
    };
    tokio::time::timeout(TIMEOUT, exchange).await.map_err(|_| format!("{url} does not answer"))?
}

fn connector() -> Connector {
    Connector::builder()
        .proxy_config(ProxyConfig::from_env())
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_with_resolver(Names)
}

/// What to do when the credential chain finds nothing.
pub fn no_credentials(error: &dyn std::error::Error, profile: Option<&str>) -> Failure {
    let text = chain(error);
    // The SDK lists every source that it looked into, or tells of the last one, which is a machine in EC2: what to do is
    // the same for all of them.
    let found_none = ["no credentials found in chain", "no source of credentials", "IMDS"];
    let is_none = found_none.iter().any(|sign| text.contains(sign));
    let profile = profile.map(str::to_owned).or_else(|| std::env::var("AWS_PROFILE").ok());
    let profile = profile.filter(|profile| !profile.is_empty());
    let message = match profile {
        Some(profile) if is_none => format!("no AWS credentials were found for profile {profile}"),
        None if is_none => "no AWS credentials were found".to_owned(),
        _ => format!("no AWS credentials: {text}"),
    };
    Failure::new(Exit::Unreachable, message)
        .with_hint(format!("set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY\n{FOR_THE_LOCAL_AWS}"))
}

/// What to do when nobody answers at an address. On this machine that is the local AWS.
pub fn no_answer(who: &str, url: &str, reason: &str) -> Failure {
    // Which layer of the transport noticed it tells a reader nothing.
    let reason = reason.rsplit("error: ").next().unwrap_or(reason);
    let host = url.split("://").last().unwrap_or(url).split(['/', ':']).next().unwrap_or_default();
    if host == "127.0.0.1" || host == "localhost" || host.ends_with(".localhost") {
        return Failure::new(Exit::Unreachable, format!("the local AWS does not answer at {url}: {reason}")).with_hint(
            "start it: landfall local up\nto work with AWS itself: unset AWS_ENDPOINT_URL and its credentials",
        );
    }
    Failure::new(Exit::Unreachable, format!("{who} does not answer at {url}: {reason}"))
}

const FOR_THE_LOCAL_AWS: &str = "for the local AWS: eval \"$(landfall local env)\"";

/// What to do when AWS, or API Gateway, does not take the credentials: `None` when it says something else.
pub fn refused_credentials(said: &str) -> Option<Failure> {
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
    let signs = ["security token", "security credentials", "Signature expired", "signature we calculated"];
    let is_about_them = signs.iter().any(|sign| said.contains(sign));
    is_about_them.then(|| {
        Failure::new(
            Exit::Unreachable,
            format!("AWS does not take the credentials: {}", said.trim().trim_end_matches('.')),
        )
        .with_hint(format!("sign in again, or look at AWS_PROFILE and AWS_ACCESS_KEY_ID\n{FOR_THE_LOCAL_AWS}"))
    })
}

/// A path segment with everything escaped that is not plainly a name.
pub fn segment(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
