//! The operations of the services that speak REST, told by method, path and query: S3 and Lambda.

use http::Method;
use http::request::Parts;

use super::call::{decoded, header, pairs};

/// Subresources of a bucket, and the noun in the names of their operations
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>).
const OF_BUCKETS: &[(&str, &str)] = &[
    ("acl", "BucketAcl"),
    ("cors", "BucketCors"),
    ("encryption", "BucketEncryption"),
    ("lifecycle", "BucketLifecycleConfiguration"),
    ("location", "BucketLocation"),
    ("logging", "BucketLogging"),
    ("notification", "BucketNotificationConfiguration"),
    ("object-lock", "ObjectLockConfiguration"),
    ("ownershipControls", "BucketOwnershipControls"),
    ("policy", "BucketPolicy"),
    ("policyStatus", "BucketPolicyStatus"),
    ("publicAccessBlock", "PublicAccessBlock"),
    ("replication", "BucketReplication"),
    ("tagging", "BucketTagging"),
    ("versioning", "BucketVersioning"),
    ("website", "BucketWebsite"),
];

/// Operation and what it names.
pub(super) fn operation(service: &str, head: &Parts) -> (String, Vec<(String, String)>) {
    match service {
        "s3" => s3(head),
        "lambda" => lambda(head),
        _ => (unknown(head), Vec::new()),
    }
}

fn unknown(head: &Parts) -> String {
    format!("{} {}", head.method, head.uri.path())
}

fn s3(head: &Parts) -> (String, Vec<(String, String)>) {
    let mut path = decoded(head.uri.path()).trim_start_matches('/').to_owned();
    // A bucket in the host's name: `bucket.localhost:4566`, `bucket.s3.eu-west-1.amazonaws.com`.
    let host = header(head, "host").unwrap_or_default();
    if let Some((bucket, rest)) = host.split_once('.')
        && (rest.starts_with("localhost") || rest.starts_with("s3"))
    {
        path = format!("{bucket}/{path}");
    }
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    let mut parameters = Vec::new();
    if !bucket.is_empty() {
        parameters.push(("Bucket".to_owned(), bucket.to_owned()));
    }
    if !key.is_empty() {
        parameters.push(("Key".to_owned(), key.to_owned()));
    }
    let query = pairs(head.uri.query().unwrap_or_default());
    let name = match (bucket.is_empty(), key.is_empty()) {
        (true, _) => "ListBuckets".to_owned(),
        (false, true) => of_bucket(head, &query),
        (false, false) => of_object(head, &query),
    };
    (name, parameters)
}

fn has(query: &[(String, String)], name: &str) -> bool {
    query.iter().any(|(found, _)| found == name)
}

fn of_bucket(head: &Parts, query: &[(String, String)]) -> String {
    let method = &head.method;
    for (name, noun) in OF_BUCKETS {
        if has(query, name) {
            return match *method {
                Method::PUT => format!("Put{noun}"),
                // The one name that is not formed like the others.
                Method::DELETE if *name == "lifecycle" => "DeleteBucketLifecycle".to_owned(),
                Method::DELETE => format!("Delete{noun}"),
                _ => format!("Get{noun}"),
            };
        }
    }
    match *method {
        Method::PUT => "CreateBucket",
        Method::DELETE => "DeleteBucket",
        Method::HEAD => "HeadBucket",
        Method::POST if has(query, "delete") => "DeleteObjects",
        Method::GET if has(query, "versions") => "ListObjectVersions",
        Method::GET if has(query, "uploads") => "ListMultipartUploads",
        Method::GET if has(query, "list-type") => "ListObjectsV2",
        Method::GET => "ListObjects",
        _ => return unknown(head),
    }
    .to_owned()
}

fn of_object(head: &Parts, query: &[(String, String)]) -> String {
    let copies = head.headers.contains_key("x-amz-copy-source");
    match head.method {
        Method::PUT if has(query, "partNumber") => "UploadPart",
        Method::PUT if has(query, "tagging") => "PutObjectTagging",
        Method::PUT if copies => "CopyObject",
        Method::PUT => "PutObject",
        Method::POST if has(query, "uploads") => "CreateMultipartUpload",
        Method::POST if has(query, "uploadId") => "CompleteMultipartUpload",
        Method::DELETE if has(query, "uploadId") => "AbortMultipartUpload",
        Method::DELETE if has(query, "tagging") => "DeleteObjectTagging",
        Method::DELETE => "DeleteObject",
        Method::HEAD => "HeadObject",
        Method::GET if has(query, "tagging") => "GetObjectTagging",
        Method::GET if has(query, "uploadId") => "ListParts",
        Method::GET => "GetObject",
        _ => return unknown(head),
    }
    .to_owned()
}

fn lambda(head: &Parts) -> (String, Vec<(String, String)>) {
    let path = decoded(head.uri.path());
    let words: Vec<&str> = path.trim_matches('/').split('/').skip(1).collect();
    let name = match (&head.method, words.as_slice()) {
        (&Method::POST, ["functions"]) => "CreateFunction",
        (&Method::GET, ["functions"]) => "ListFunctions",
        (&Method::GET, ["functions", _]) => "GetFunction",
        (&Method::DELETE, ["functions", _]) => "DeleteFunction",
        (&Method::POST, ["functions", _, "invocations"]) => "Invoke",
        (&Method::GET, ["functions", _, "configuration"]) => "GetFunctionConfiguration",
        (&Method::PUT, ["functions", _, "configuration"]) => "UpdateFunctionConfiguration",
        (&Method::PUT, ["functions", _, "code"]) => "UpdateFunctionCode",
        (&Method::POST, ["functions", _, "versions"]) => "PublishVersion",
        (&Method::GET, ["functions", _, "versions"]) => "ListVersionsByFunction",
        _ => return (unknown(head), Vec::new()),
    };
    let function = words.get(1).map(|name| ("FunctionName".to_owned(), (*name).to_owned()));
    (name.to_owned(), function.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn told(service: &str, request: http::request::Builder) -> String {
        operation(service, &request.body(()).expect("a request").into_parts().0).0
    }

    #[test]
    fn operations_of_s3_are_told_apart() {
        for (request, name) in [
            (Request::get("/"), "ListBuckets"),
            (Request::put("/bucket"), "CreateBucket"),
            (Request::put("/bucket/"), "CreateBucket"),
            (Request::head("/bucket"), "HeadBucket"),
            (Request::delete("/bucket?lifecycle"), "DeleteBucketLifecycle"),
            (Request::put("/bucket?lifecycle"), "PutBucketLifecycleConfiguration"),
            (Request::put("/bucket?publicAccessBlock"), "PutPublicAccessBlock"),
            (Request::post("/bucket?delete"), "DeleteObjects"),
            (Request::get("/bucket?versions&prefix=a"), "ListObjectVersions"),
            (Request::put("/bucket/a/b?x-id=PutObject"), "PutObject"),
            (Request::put("/bucket/a").header("x-amz-copy-source", "/other/a"), "CopyObject"),
            (Request::post("/bucket/a?uploads"), "CreateMultipartUpload"),
            (Request::put("/bucket/a?partNumber=1&uploadId=x"), "UploadPart"),
            (Request::get("/?tagging").header("host", "bucket.localhost:4566"), "GetBucketTagging"),
            (Request::get("/").header("host", "localhost:4566"), "ListBuckets"),
        ] {
            assert_eq!(told("s3", request), name);
        }
    }

    #[test]
    fn what_is_not_known_is_named_by_method_and_path() {
        assert_eq!(told("apigateway", Request::get("/v2/apis")), "GET /v2/apis");
    }
}
