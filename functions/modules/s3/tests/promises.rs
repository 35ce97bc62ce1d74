//! What the module promises, read back from AWS with a client that is not ours. The module's calls are made with the
//! function's own policy.

use landfall_aws::Fault;
use landfall_module_s3::S3;
use landfall_plan::{Action, ModulePlan, Risk};
use landfall_testkit::{End, World};
use serde_json::{Map, Value, json};

/// A world in which the module has no more permissions than its function.
async fn world() -> World {
    let mut world = World::new().await;
    world.restrict(include_str!("../policy.json")).await;
    world
}

fn inputs(name: &str, more: Value) -> Map<String, Value> {
    let mut inputs = json!({
        "bucket_name": name,
        "block_public": true,
        "bucket_policy": null,
        "cors_rule": null,
        "same_region_replication": false,
        "files": null,
        "s3_log_bucket_name": null,
    });
    let (Some(all), Value::Object(more)) = (inputs.as_object_mut(), more) else { panic!("inputs are an object") };
    all.extend(more);
    all.clone()
}

async fn deploy(world: &mut World, inputs: &Map<String, Value>) -> ModulePlan {
    let mut deployment = world.deploy::<S3>(Some(inputs), &[]).await;
    let plan = world.plan::<S3>(&mut deployment).await;
    assert_eq!(world.apply::<S3>(&deployment).await, End::Done);
    plan
}

async fn destroy(world: &mut World) -> ModulePlan {
    let mut deployment = world.deploy::<S3>(None, &[]).await;
    let plan = world.plan::<S3>(&mut deployment).await;
    assert_eq!(world.apply::<S3>(&deployment).await, End::Done);
    plan
}

fn s3api(world: &World, operation: &str, bucket: &str) -> Value {
    world.account.cli(&["s3api", operation, "--bucket", bucket])
}

fn policy(world: &World, bucket: &str) -> Value {
    let text = s3api(world, "get-bucket-policy", bucket)["Policy"].clone();
    serde_json::from_str(text.as_str().unwrap_or_default()).expect("a policy is JSON")
}

fn assert_private_and_encrypted(world: &World, bucket: &str) {
    let block = &s3api(world, "get-public-access-block", bucket)["PublicAccessBlockConfiguration"];
    for setting in ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"] {
        assert_eq!(block[setting], true, "{setting} of {bucket}");
    }
    let encryption = s3api(world, "get-bucket-encryption", bucket);
    let rule = &encryption["ServerSideEncryptionConfiguration"]["Rules"][0];
    assert_eq!(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256", "{bucket}");
    let ownership = s3api(world, "get-bucket-ownership-controls", bucket);
    assert_eq!(ownership["OwnershipControls"]["Rules"][0]["ObjectOwnership"], "BucketOwnerEnforced", "{bucket}");
    assert_eq!(s3api(world, "get-bucket-versioning", bucket)["Status"], "Enabled", "{bucket}");
    let statements = policy(world, bucket)["Statement"].clone();
    let denies = statements.as_array().into_iter().flatten().filter(|statement| statement["Effect"] == "Deny");
    let tls: Vec<&Value> =
        denies.filter(|deny| deny["Condition"]["Bool"]["aws:SecureTransport"][0] == "false").collect();
    assert_eq!(tls.len(), 1, "{bucket} refuses plain text");
}

/// S17, S38: private by default. S18, S29: AES-256 regardless.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_private_encrypted_versioned_and_tidied() {
    let mut world = world().await;
    let name = format!("private-{}", world.account.id);
    deploy(&mut world, &inputs(&name, json!({ "s3_log_bucket_name": "some-logs" }))).await;

    assert_private_and_encrypted(&world, &name);
    let lifecycle = s3api(&world, "get-bucket-lifecycle-configuration", &name);
    let rule = &lifecycle["Rules"][0];
    assert_eq!(rule["Status"], "Enabled");
    assert_eq!(
        rule["NoncurrentVersionTransitions"],
        json!([
            { "NoncurrentDays": 30, "StorageClass": "STANDARD_IA" },
            { "NoncurrentDays": 60, "StorageClass": "GLACIER" },
        ])
    );
    assert_eq!(rule["NoncurrentVersionExpiration"]["NoncurrentDays"], 90);
    let logging = s3api(&world, "get-bucket-logging", &name);
    assert_eq!(logging["LoggingEnabled"]["TargetBucket"], "some-logs");
    assert_eq!(logging["LoggingEnabled"]["TargetPrefix"], "log/");

    let policy = policy(&world, &name);
    let reads = policy["Statement"].as_array().into_iter().flatten().find(|one| one["Sid"] == "CloudFrontReads");
    let reads = reads.expect("CloudFront reads");
    assert_eq!(reads["Principal"]["Service"][0], "cloudfront.amazonaws.com");
    let distributions = format!("arn:aws:cloudfront::{}:distribution/*", world.account.id);
    assert_eq!(reads["Condition"]["ArnLike"]["aws:SourceArn"][0], distributions);
}

/// S17: it can be made public.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_becomes_public_by_two_inputs_and_private_again() {
    let mut world = world().await;
    let name = format!("public-{}", world.account.id);
    let statement = json!({
        "Sid": "Everybody",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": format!("arn:aws:s3:::{name}/*"),
    });
    let open = inputs(&name, json!({ "block_public": false, "bucket_policy": { "Statement": [statement] } }));
    deploy(&mut world, &open).await;
    let arguments = ["s3api", "get-public-access-block", "--bucket", &name];
    assert_eq!(world.account.try_cli(&arguments), None, "nothing is blocked");
    assert_eq!(policy(&world, &name)["Statement"][0]["Sid"], "Everybody");
    assert_eq!(policy(&world, &name)["Statement"].as_array().map(Vec::len), Some(4), "ours are added");

    let plan = deploy(&mut world, &inputs(&name, json!({}))).await;
    assert_eq!(plan.resources[0].risk, Risk::Elevated, "readers may notice");
    assert_private_and_encrypted(&world, &name);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_policy_on_a_private_bucket_says_what_to_change() {
    let mut world = world().await;
    let name = format!("refused-{}", world.account.id);
    let text = json!({ "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{name}/*"),
    }] });
    let inputs = inputs(&name, json!({ "bucket_policy": text.to_string() }));
    let mut deployment = world.deploy::<S3>(Some(&inputs), &[]).await;
    world.plan::<S3>(&mut deployment).await;
    let end = world.apply::<S3>(&deployment).await;
    assert!(matches!(&end, End::Failed(why) if why.contains("`block_public: false`")), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_another_account_has_is_a_conflict_in_the_plan() {
    let mut world = world().await;
    let other = World::new().await;
    let name = format!("taken-{}", other.account.id);
    other.account.cli(&["s3api", "create-bucket", "--bucket", &name]);
    let deployment = world.deploy::<S3>(Some(&inputs(&name, json!({}))), &[]).await;
    let error = world.refusal::<S3>(&deployment).await.expect("the name is taken");
    assert!(error.contains("there is a bucket of this name already, in another AWS account or region"), "{error}");
}

/// S18: also the replica.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_into_a_replicated_bucket_is_copied() {
    let mut world = world().await;
    let name = format!("copied-{}", world.account.id);
    let replica = format!("{name}-replica");
    deploy(&mut world, &inputs(&name, json!({ "same_region_replication": true }))).await;
    assert_private_and_encrypted(&world, &replica);

    let role = "lf-layer-subject-replication";
    let trust = &world.account.cli(&["iam", "get-role", "--role-name", role])["Role"]["AssumeRolePolicyDocument"];
    assert_eq!(trust["Statement"][0]["Principal"]["Service"][0], "s3.amazonaws.com");
    assert_eq!(trust["Statement"][0]["Condition"]["StringEquals"]["aws:SourceAccount"][0], world.account.id);
    let rule = &s3api(&world, "get-bucket-replication", &name)["ReplicationConfiguration"]["Rules"][0];
    assert_eq!(rule["Destination"]["Bucket"], format!("arn:aws:s3:::{replica}"));

    world.account.cli(&["s3api", "put-object", "--bucket", &name, "--key", "a.txt"]);
    world.account.cli(&["s3api", "head-object", "--bucket", &replica, "--key", "a.txt"]);

    let plan = destroy(&mut world).await;
    for change in plan.resources.iter().filter(|change| change.kind == "AWS::S3::Bucket") {
        assert_eq!((change.action, change.risk), (Action::Delete, Risk::High), "a bucket holds data");
    }
    assert_eq!(world.account.try_cli(&["s3api", "head-bucket", "--bucket", &name]), None);
    assert_eq!(world.account.try_cli(&["s3api", "head-bucket", "--bucket", &replica]), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_and_marker_goes_with_the_bucket() {
    let mut world = world().await;
    let name = format!("full-{}", world.account.id);
    deploy(&mut world, &inputs(&name, json!({}))).await;
    for key in ["a", "b", "a"] {
        world.account.cli(&["s3api", "put-object", "--bucket", &name, "--key", key]);
    }
    world.account.cli(&["s3api", "delete-object", "--bucket", &name, "--key", "b"]);
    destroy(&mut world).await;
    assert_eq!(world.account.try_cli(&["s3api", "head-bucket", "--bucket", &name]), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_follow_the_folder_and_leave_other_objects_alone() {
    let mut world = world().await;
    let name = format!("site-{}", world.account.id);
    let inputs = inputs(&name, json!({ "files": "./site/" }));
    world.upload("site/index.html", "<h1>one</h1>");
    world.upload("site/img/a b+ü.svg", "<svg/>");
    world.upload("site-old/not.html", "no");
    deploy(&mut world, &inputs).await;
    world.account.cli(&["s3api", "put-object", "--bucket", &name, "--key", "data/app.json"]);

    let head =
        |world: &World, key: &str| world.account.try_cli(&["s3api", "head-object", "--bucket", &name, "--key", key]);
    assert_eq!(head(&world, "index.html").expect("it is there")["ContentType"], "text/html");
    assert_eq!(head(&world, "img/a b+ü.svg").expect("it is there")["ContentType"], "image/svg+xml");
    assert_eq!(head(&world, "not.html"), None, "another folder");
    let before = head(&world, "index.html").expect("it is there")["VersionId"].clone();

    deploy(&mut world, &inputs).await;
    assert_eq!(head(&world, "index.html").expect("it is there")["VersionId"], before, "nothing is uploaded twice");

    world.upload("site/index.html", "<h1>two</h1>");
    world.files.retain(|file| !file.path.starts_with("site/img"));
    deploy(&mut world, &inputs).await;
    assert_ne!(head(&world, "index.html").expect("it is there")["VersionId"], before, "a change is uploaded");
    assert_eq!(head(&world, "img/a b+ü.svg"), None, "a removed file is deleted");
    assert!(head(&world, "data/app.json").is_some(), "objects of others stay");

    world.account.cli(&["s3api", "delete-object", "--bucket", &name, "--key", "index.html"]);
    deploy(&mut world, &inputs).await;
    assert!(head(&world, "index.html").is_some(), "what somebody deleted comes back");

    deploy(&mut world, &self::inputs(&name, json!({}))).await;
    assert_eq!(head(&world, "index.html"), None, "files go when the input goes");
    assert!(head(&world, "data/app.json").is_some(), "objects of others stay");
}

/// A file that was uploaded in parts has an ETag that its copy does not have.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_uploaded_in_parts_is_uploaded_once() {
    let mut world = world().await;
    let name = format!("parts-{}", world.account.id);
    let inputs = inputs(&name, json!({ "files": "site" }));
    world.upload("site/film.mp4", "film");
    world.files[0].etag = upload_in_parts(&world, "config/site/film.mp4");
    deploy(&mut world, &inputs).await;
    let plan = deploy(&mut world, &inputs).await;
    assert!(plan.resources.iter().all(|change| change.action == Action::Keep), "{plan:?}");
}

/// Uploads again what lies at `key` of the config bucket, as one part; answers the ETag.
fn upload_in_parts(world: &World, key: &str) -> String {
    let bucket = world.store.bucket();
    let place = ["--bucket", bucket, "--key", key];
    let cli = |arguments: &[&str]| world.account.cli(&[&["s3api"], &arguments[..1], &place, &arguments[1..]].concat());
    let begun = cli(&["create-multipart-upload"]);
    let upload = begun["UploadId"].as_str().expect("an upload has an id");
    let source = format!("{bucket}/{key}");
    let part =
        cli(&["upload-part-copy", "--upload-id", upload, "--part-number", "1", "--copy-source", source.as_str()]);
    let parts = json!({ "Parts": [{ "PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"] }] }).to_string();
    let done = cli(&["complete-multipart-upload", "--upload-id", upload, "--multipart-upload", parts.as_str()]);
    let etag = done["ETag"].as_str().expect("an object has an ETag").trim_matches('"').to_owned();
    assert!(etag.ends_with("-1"), "{etag}");
    etag
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_killed_at_any_copy_leaves_no_file_out() {
    for fault in [Fault::Before, Fault::After] {
        for nth in 0.. {
            let mut world = World::new().await;
            let name = format!("killed-{}", world.account.id);
            let inputs = inputs(&name, json!({ "files": "site" }));
            deploy(&mut world, &self::inputs(&name, json!({}))).await;
            world.upload("site/a.html", "a");
            world.upload("site/b.html", "b");
            let mut deployment = world.deploy::<S3>(Some(&inputs), &[]).await;
            world.plan::<S3>(&mut deployment).await;
            let Some(broken) = world.killed_at_write::<S3>(&deployment, nth, fault).await else { break };
            assert_eq!(world.apply::<S3>(&deployment).await, End::Done, "killed {fault:?} {broken}");
            let listed = world.account.cli(&["s3api", "list-objects-v2", "--bucket", &name]);
            assert_eq!(listed["Contents"].as_array().map(Vec::len), Some(2), "killed {fault:?} {broken}");
            let plan = deploy(&mut world, &inputs).await;
            assert!(plan.resources.iter().all(|change| change.action == Action::Keep), "killed {fault:?} {broken}");
        }
    }
}
