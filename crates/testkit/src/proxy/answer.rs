//! Errors as each service words them, so that an SDK takes them for the service's own.

use http::{HeaderValue, Response, StatusCode};
use hyper::body::Bytes;
use serde_json::json;

use super::call::{Call, Protocol};

/// An error of AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// HTTP status.
    pub status: u16,
    /// The error code.
    pub code: String,
    /// What it says.
    pub message: String,
}

impl Failure {
    /// An error from its parts.
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    /// The service is broken (500) or cannot answer now (503).
    pub fn internal(call: &Call, status: u16) -> Self {
        let code = match (call.service.as_str(), status) {
            ("ec2", 503) => "Unavailable",
            ("iam", 500) => "ServiceFailure",
            ("dynamodb", 500) => "InternalServerError",
            ("ec2" | "s3", 500) => "InternalError",
            ("kms", 500) => "KMSInternalException",
            ("lambda", _) => "ServiceException",
            (_, 503) => "ServiceUnavailable",
            _ => "InternalFailure",
        };
        Self::new(status, code, "the fault proxy says that the service failed")
    }

    /// Too many calls.
    pub fn throttled(call: &Call) -> Self {
        let (status, code) = match call.service.as_str() {
            "ec2" => (503, "RequestLimitExceeded"),
            "s3" => (503, "SlowDown"),
            "dynamodb" => (400, "ProvisionedThroughputExceededException"),
            "lambda" => (429, "TooManyRequestsException"),
            "sqs" => (403, "RequestThrottled"),
            "elasticache" | "iam" | "rds" | "sns" | "sts" | "monitoring" => (400, "Throttling"),
            _ => (400, "ThrottlingException"),
        };
        Self::new(status, code, "Rate exceeded")
    }

    /// What the call names does not exist.
    pub fn not_found(call: &Call, id: &str) -> Self {
        let (status, code) = match call.service.as_str() {
            "ec2" => (400, missing_in_ec2(id)),
            "iam" => (404, "NoSuchEntity"),
            "sqs" => (400, "QueueDoesNotExist"),
            "sns" => (404, "NotFound"),
            "kms" => (400, "NotFoundException"),
            "rds" => (404, "DBSubnetGroupNotFoundFault"),
            "elasticache" => (400, "CacheSubnetGroupNotFoundFault"),
            "s3" => (404, "NoSuchBucket"),
            _ => (400, "ResourceNotFoundException"),
        };
        Self::new(status, code, format!("{id} does not exist"))
    }

    /// A role or principal is not known there yet.
    pub fn unknown_principal(call: &Call, arn: &str) -> Self {
        let (status, code) = match call.service.as_str() {
            "sts" => (403, "AccessDenied"),
            "kms" => (400, "MalformedPolicyDocumentException"),
            "iam" => (400, "MalformedPolicyDocument"),
            "s3" => (400, "MalformedPolicy"),
            "lambda" => (400, "InvalidParameterValueException"),
            "sqs" => (400, "InvalidAttributeValue"),
            _ => (400, "InvalidParameter"),
        };
        Self::new(status, code, format!("Invalid principal in policy or role that cannot be assumed: {arn}"))
    }

    /// The answer in the protocol of the call.
    pub fn response(&self, call: &Call) -> Response<Bytes> {
        let (code, message) = (&self.code, &self.message);
        let request = "00000000-0000-4000-8000-000000000000";
        let (kind, body) = match call.protocol {
            Protocol::Ec2 => (
                "text/xml",
                format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Errors><Error><Code>{code}</Code>\
                     <Message>{message}</Message></Error></Errors><RequestID>{request}</RequestID></Response>"
                )
                .into_bytes(),
            ),
            Protocol::Query => (
                "text/xml",
                format!(
                    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                     <RequestId>{request}</RequestId></ErrorResponse>"
                )
                .into_bytes(),
            ),
            Protocol::RestXml => (
                "application/xml",
                format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message>\
                     <RequestId>{request}</RequestId></Error>"
                )
                .into_bytes(),
            ),
            Protocol::Json => ("application/x-amz-json-1.0", json_body(call, code, message)),
            Protocol::RestJson => ("application/json", json!({ "message": message }).to_string().into_bytes()),
            Protocol::Cbor => ("application/cbor", cbor_body(code, message)),
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let mut set = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        set("content-type", kind);
        set("x-amzn-requestid", request);
        match call.protocol {
            Protocol::RestJson => set("x-amzn-errortype", code),
            Protocol::Cbor => set("smithy-protocol", "rpc-v2-cbor"),
            Protocol::Json if call.service == "sqs" && code == "QueueDoesNotExist" => {
                set("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender");
            }
            _ => {}
        }
        response
    }
}

fn json_body(call: &Call, code: &str, message: &str) -> Vec<u8> {
    let namespace = match call.service.as_str() {
        "dynamodb" => "com.amazonaws.dynamodb.v20120810#",
        "sqs" => "com.amazonaws.sqs#",
        _ => "",
    };
    json!({ "__type": format!("{namespace}{code}"), "message": message }).to_string().into_bytes()
}

/// A map of two texts (<https://www.rfc-editor.org/rfc/rfc8949>).
fn cbor_body(code: &str, message: &str) -> Vec<u8> {
    let mut body = vec![0xa2];
    for text in ["__type", code, "message", message] {
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        body.push(0x79);
        body.extend(length.to_be_bytes());
        body.extend(&text.as_bytes()[..usize::from(length)]);
    }
    body
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
fn missing_in_ec2(id: &str) -> &'static str {
    match id.split('-').next().unwrap_or_default() {
        "vpc" => "InvalidVpcID.NotFound",
        "vpce" => "InvalidVpcEndpointId.NotFound",
        "subnet" => "InvalidSubnetID.NotFound",
        "igw" => "InvalidInternetGatewayID.NotFound",
        "rtb" => "InvalidRouteTableID.NotFound",
        "rtbassoc" => "InvalidAssociationID.NotFound",
        "nat" => "NatGatewayNotFound",
        "eipalloc" => "InvalidAllocationID.NotFound",
        "sg" => "InvalidGroup.NotFound",
        "fl" => "InvalidFlowLogId.NotFound",
        _ => "InvalidParameterValue",
    }
}
