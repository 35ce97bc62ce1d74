//! What a request to AWS asks for, in each of the protocols that the SDKs speak: service, operation, region, caller.

use std::borrow::Cow;

use http::request::Parts;
use serde::Serialize;

use super::rest;

/// How a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// JSON, the operation in `X-Amz-Target`.
    Json,
    /// Form parameters, the operation in `Action`; answers are XML.
    Query,
    /// As [`Protocol::Query`], with EC2's own form of lists and errors.
    Ec2,
    /// The operation is in method and path, XML in the bodies: S3.
    RestXml,
    /// The operation is in method and path, JSON in the bodies: Lambda.
    RestJson,
    /// CBOR, the operation in the path.
    Cbor,
}

/// A recognised request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// As it is signed: `ec2`, `dynamodb`, `states`.
    pub service: String,
    /// As AWS documents it: `CreateVpc`. A method and path where it is not known.
    pub operation: String,
    /// Whether it changes something, by the verb in its name.
    pub mutating: bool,
    /// The region it is signed for.
    pub region: String,
    /// The access key that signed it.
    pub access_key: String,
    /// The protocol.
    pub protocol: Protocol,
    /// What it asks for by name: form parameters, or those of the path; empty where they are in a JSON body.
    pub parameters: Vec<(String, String)>,
    /// Path, query and body as text, without percent signs: where to look for names.
    pub text: String,
}

/// What the log and the rules say about who called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// Name of the function without the stack's name, such as `base`; none where no function called.
    pub function: Option<String>,
}

impl Call {
    /// Recognises a request.
    pub fn of(head: &Parts, body: &[u8]) -> Self {
        let scope = Scope::of(head);
        let body_text = std::str::from_utf8(body).unwrap_or_default();
        let form = is_form(head);
        let query = head.uri.query().unwrap_or_default();
        let (protocol, operation, parameters) = if let Some(target) = header(head, "x-amz-target") {
            (Protocol::Json, target.rsplit('.').next().unwrap_or_default().to_owned(), Vec::new())
        } else if let Some(operation) = cbor_operation(head.uri.path()) {
            (Protocol::Cbor, operation.to_owned(), Vec::new())
        } else if form || query.contains("Action=") {
            let parameters = pairs(if form { body_text } else { query });
            let action = parameters.iter().find(|(name, _)| name == "Action").map(|(_, value)| value.clone());
            let protocol = if scope.service == "ec2" { Protocol::Ec2 } else { Protocol::Query };
            (protocol, action.unwrap_or_default(), parameters)
        } else {
            let protocol = if scope.service == "s3" { Protocol::RestXml } else { Protocol::RestJson };
            let (operation, parameters) = rest::operation(&scope.service, head);
            (protocol, operation, parameters)
        };
        let text = match protocol {
            Protocol::Query | Protocol::Ec2 => {
                parameters.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
            }
            Protocol::Json | Protocol::Cbor => body_text.to_owned(),
            Protocol::RestXml | Protocol::RestJson => {
                format!("{}\n{}\n{body_text}", decoded(head.uri.path()), decoded(query))
            }
        };
        Self {
            mutating: !reads_only(&operation),
            service: scope.service,
            operation,
            region: scope.region,
            access_key: scope.access_key,
            protocol,
            parameters,
            text,
        }
    }

    /// The first parameter of a name: of the form, the path, or the top of a JSON body.
    pub fn parameter(&self, name: &str) -> Option<String> {
        if let Some((_, value)) = self.parameters.iter().find(|(found, _)| found == name) {
            return Some(value.clone());
        }
        if self.protocol != Protocol::Json {
            return None;
        }
        let body: serde_json::Value = serde_json::from_str(&self.text).ok()?;
        body.get(name)?.as_str().map(str::to_owned)
    }

    /// Whether the request names something, as a word of its own.
    pub fn names(&self, what: &str) -> bool {
        contains_word(&self.text, what)
    }
}

/// Whether a text contains a name that is not part of a longer one.
pub(super) fn contains_word(text: &str, word: &str) -> bool {
    let part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let bytes = text.as_bytes();
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            !part(at.checked_sub(1).and_then(|before| bytes.get(before))) && !part(bytes.get(at + word.len()))
        })
}

/// What the signature says.
struct Scope {
    service: String,
    region: String,
    access_key: String,
}

impl Scope {
    fn of(head: &Parts) -> Self {
        let authorization = header(head, "authorization").and_then(|text| text.split("Credential=").nth(1));
        let presigned = || {
            let found = pairs(head.uri.query().unwrap_or_default());
            found.into_iter().find(|(name, _)| name == "X-Amz-Credential").map(|(_, value)| value)
        };
        let credential = authorization.map(str::to_owned).or_else(presigned).unwrap_or_default();
        let credential = credential.split(',').next().unwrap_or_default();
        let mut parts = credential.split('/');
        let mut next = || parts.next().unwrap_or_default().to_owned();
        let (access_key, _date, region, service) = (next(), next(), next(), next());
        Self { service, region, access_key }
    }
}

pub(super) fn header<'a>(head: &'a Parts, name: &str) -> Option<&'a str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_form(head: &Parts) -> bool {
    header(head, "content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}

/// `/service/{service}/operation/{operation}`
/// (<https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>).
fn cbor_operation(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/service/")?;
    rest.split_once("/operation/").map(|(_, operation)| operation)
}

pub(super) fn pairs(form: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(form.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy()
}

/// Whether an operation only reads, by the verb in its name as AWS uses them.
fn reads_only(operation: &str) -> bool {
    const VERBS: [&str; 14] = [
        "Describe",
        "Get",
        "List",
        "Head",
        "BatchGet",
        "Query",
        "Scan",
        "Select",
        "Lookup",
        "Search",
        "Simulate",
        "Validate",
        "TransactGet",
        "AssumeRole",
    ];
    VERBS.iter().any(|verb| operation.starts_with(verb))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=ASIA0123/20261125/eu-west-1/SERVICE/aws4_request, \
                          SignedHeaders=host;x-amz-date, Signature=00";

    fn recorded(service: &str, request: http::request::Builder, body: &str) -> Call {
        let request = request.header("authorization", SIGNED.replace("SERVICE", service)).body(()).expect("a request");
        Call::of(&request.into_parts().0, body.as_bytes())
    }

    fn told(call: &Call) -> (&str, &str, bool) {
        (&call.service, &call.operation, call.mutating)
    }

    #[test]
    fn json_is_told_by_its_target() {
        let request = Request::post("/").header("x-amz-target", "DynamoDB_20120810.TransactWriteItems");
        let call = recorded("dynamodb", request, r#"{"ClientRequestToken":"abc"}"#);
        assert_eq!(told(&call), ("dynamodb", "TransactWriteItems", true));
        assert_eq!((call.region.as_str(), call.access_key.as_str()), ("eu-west-1", "ASIA0123"));
        assert_eq!(call.parameter("ClientRequestToken").as_deref(), Some("abc"));
    }

    #[test]
    fn query_is_told_by_its_action() {
        let form = || Request::post("/").header("content-type", "application/x-www-form-urlencoded");
        let call = recorded("ec2", form(), "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16");
        assert_eq!((told(&call), call.protocol), (("ec2", "CreateVpc", true), Protocol::Ec2));
        assert_eq!(call.parameter("CidrBlock").as_deref(), Some("10.0.0.0/16"));
        let call = recorded("iam", form(), "Action=GetRole&Version=2010-05-08&RoleName=worker");
        assert_eq!((told(&call), call.protocol), (("iam", "GetRole", false), Protocol::Query));
    }

    #[test]
    fn rest_is_told_by_method_and_path() {
        let call = recorded("s3", Request::put("/bucket?policy"), "{}");
        assert_eq!(told(&call), ("s3", "PutBucketPolicy", true));
        let call = recorded("s3", Request::get("/bucket?list-type=2&prefix=a%2Fb"), "");
        assert_eq!(told(&call), ("s3", "ListObjectsV2", false));
        assert!(call.names("a/b"), "{}", call.text);
        let call = recorded("lambda", Request::post("/2015-03-31/functions/base/invocations"), "{}");
        assert_eq!(told(&call), ("lambda", "Invoke", true));
    }

    #[test]
    fn cbor_is_told_by_its_path() {
        let path = "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm";
        let call = recorded("monitoring", Request::post(path).header("smithy-protocol", "rpc-v2-cbor"), "");
        assert_eq!((told(&call), call.protocol), (("monitoring", "PutMetricAlarm", true), Protocol::Cbor));
    }

    #[test]
    fn a_presigned_request_is_told_by_its_query() {
        let uri = "/bucket/key?X-Amz-Credential=AKIA1%2F20261125%2Fus-east-1%2Fs3%2Faws4_request";
        let request = Request::get(uri).body(()).expect("a request");
        let call = Call::of(&request.into_parts().0, b"");
        assert_eq!(told(&call), ("s3", "GetObject", false));
    }

    #[test]
    fn a_name_is_not_found_within_a_longer_one() {
        assert!(contains_word("Id=vpc-1&x", "vpc-1"));
        assert!(!contains_word("Id=vpc-12", "vpc-1"));
        assert!(!contains_word("my-vpc-1", "vpc-1"));
        assert!(contains_word("arn:aws:iam::1:role/worker", "worker"));
    }
}
