//! What a reader sees of a plan.
#![allow(clippy::unwrap_used)]

use landfall_plan::{
    Action, After, AttributeChange, Before, LeftAlone, ModuleChange, ModulePlan, Obstacle, Paint, Plan, PlanRequest,
    ResourceChange, Risk, Style, Weight, Why, render,
};
use serde_json::{Value, json};

fn attribute(path: &str, before: Before, after: After) -> AttributeChange {
    AttributeChange { path: path.into(), before, after, forces_replacement: false, drift: false }
}

fn new(path: &str, value: Value) -> AttributeChange {
    attribute(path, Before::Absent, After::Value(value))
}

fn changed(path: &str, before: Value, after: Value) -> AttributeChange {
    attribute(path, Before::Value(before), After::Value(after))
}

fn resource(name: &str, kind: &str, action: Action, attributes: Vec<AttributeChange>) -> ResourceChange {
    ResourceChange {
        resource: name.into(),
        kind: kind.into(),
        name: None,
        action,
        risk: Risk::Low,
        reason: String::new(),
        attributes,
        note: String::new(),
    }
}

fn module(name: &str, kind: &str, resources: Vec<ResourceChange>) -> ModulePlan {
    let changes = resources.iter().any(|resource| resource.action != Action::Keep);
    ModulePlan {
        module: name.into(),
        kind: kind.into(),
        change: if changes { ModuleChange::Apply } else { ModuleChange::Unchanged },
        needs: vec![],
        resources,
        notes: vec![],
        preflight: Vec::new(),
        quotas: Vec::new(),
        left: vec![],
    }
}

fn plan(modules: Vec<ModulePlan>) -> Plan {
    Plan {
        layer: "checkout".into(),
        environment: "staging".into(),
        account_id: "111122223333".into(),
        region: "eu-central-1".into(),
        request: PlanRequest::Deploy,
        modules,
        warnings: vec![],
    }
}

fn policy(statements: Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn queue_policy(action: Value) -> Value {
    policy(json!([
        { "Sid": "Account", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:root" },
          "Action": action, "Resource": "arn:aws:sqs:eu-central-1:111122223333:staging-checkout-orders" },
        { "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "sqs:*",
          "Resource": "arn:aws:sqs:eu-central-1:111122223333:staging-checkout-orders",
          "Condition": { "Bool": { "aws:SecureTransport": "false" } } },
    ]))
}

/// Everything that a plan can hold.
fn rich() -> Plan {
    let mut key = resource(
        "key",
        "AWS::KMS::Key",
        Action::Create,
        vec![
            new("description", json!("Queue orders of checkout in staging")),
            new("rotation", json!(true)),
            new("policy", queue_policy(json!("kms:*"))),
            new("tags", json!({ "landfall:layer": "checkout", "landfall:module": "orders" })),
        ],
    );
    key.name = Some("alias/staging-checkout-orders".into());
    let mut queue = resource(
        "queue",
        "AWS::SQS::Queue",
        Action::Update,
        vec![
            changed("delay_seconds", json!(0), json!(5)),
            AttributeChange { drift: true, ..changed("message_retention_seconds", json!(60), json!(345_600)) },
            attribute("kms_key", Before::Value(json!("alias/aws/sqs")), After::KnownAfterApply),
            changed(
                "policy",
                json!(queue_policy(json!("sqs:*")).to_string()),
                queue_policy(json!(["sqs:SendMessage"])),
            ),
            attribute("tags.team", Before::Absent, After::Value(json!("payments"))),
            attribute("tags.owner", Before::Value(json!("nobody")), After::Absent),
        ],
    );
    queue.name = Some("staging-checkout-orders".into());

    let subnet = |number: usize| format!("subnet-0a1b2c3d4e5f6a7b{number}");
    let before: Vec<String> = (0..6).map(subnet).collect();
    let after: Vec<String> = (1..8).map(subnet).collect();
    let mut cluster = resource(
        "cluster",
        "AWS::RDS::DBCluster",
        Action::Replace,
        vec![
            AttributeChange { forces_replacement: true, ..changed("storage_encrypted", json!(false), json!(true)) },
            changed("subnet_ids", json!(before), json!(after)),
            changed(
                "parameter_group_description_of_the_cluster",
                json!("a long text that says what the parameter group of this cluster is for"),
                json!("a long text that says what the parameter group of this cluster is for, and why"),
            ),
        ],
    );
    cluster.name = Some("staging-checkout-db".into());
    cluster.risk = Risk::High;
    cluster.reason = "the cluster holds data: it is deleted after a final snapshot, and a new, empty one is made in \
                      its place with another endpoint"
        .into();
    let mut instance = resource(
        "instance-0",
        "AWS::RDS::DBInstance",
        Action::Update,
        vec![changed("class", json!("db.t4g.medium"), json!("db.r8g.large"))],
    );
    instance.risk = Risk::Elevated;
    instance.reason = "the instance restarts".into();

    let gone = AttributeChange { drift: true, ..new("bucket", json!("staging-checkout-uploads")) };
    let bucket = resource("bucket", "AWS::S3::Bucket", Action::Create, vec![gone]);

    let mut old_key = resource("key", "AWS::KMS::Key", Action::Delete, vec![]);
    old_key.name = Some("alias/staging-checkout-old".into());
    old_key.risk = Risk::Elevated;
    old_key.reason = "what it encrypted can no longer be read".into();
    old_key.note = "KMS keeps it for 30 days; until then the deletion can be cancelled".into();
    let mut old = module("old", "sqs", vec![old_key]);
    old.change = ModuleChange::Destroy;

    let mut later = module("api", "iam-role", vec![resource("role", "AWS::IAM::Role", Action::Keep, vec![])]);
    later.change = ModuleChange::Apply;
    later.needs = vec!["orders".into(), "db".into()];

    let keep = |name: &str| resource(name, "AWS::SNS::Subscription", Action::Keep, vec![]);
    let mut plan = plan(vec![
        module("orders", "sqs", vec![key, queue, keep("alias")]),
        module("db", "postgres", vec![cluster, instance]),
        module("uploads", "s3", vec![bucket]),
        later,
        module("alerts", "sns", vec![keep("topic"), keep("subscription-0")]),
        old,
    ]);
    plan.warnings = vec!["modules[2].acl is no longer used: buckets are owner-enforced".into()];
    plan
}

fn style(width: usize) -> Style {
    Style { paint: Paint::Plain, width, full: false }
}

#[test]
fn a_plan_without_changes_says_so_in_one_line() {
    let keep = resource("queue", "AWS::SQS::Queue", Action::Keep, vec![]);
    insta::assert_snapshot!(render(&plan(vec![module("orders", "sqs", vec![keep])]), style(100)));
}

#[test]
fn nothing_left_to_destroy_says_so() {
    let plan = Plan { request: PlanRequest::Destroy, ..plan(vec![]) };
    insta::assert_snapshot!(render(&plan, style(100)));
}

#[test]
fn every_kind_of_change_reads_before_and_after() {
    insta::assert_snapshot!(render(&rich(), style(100)));
}

#[test]
fn a_narrow_terminal_wraps_sentences_and_splits_long_values() {
    insta::assert_snapshot!(render(&rich(), style(60)));
}

#[test]
fn full_shows_documents_of_new_resources_to_their_end() {
    let text = render(&rich(), Style { full: true, ..style(100) });
    assert!(text.contains("aws:SecureTransport") && !text.contains("more lines"), "{text}");
}

#[test]
fn a_destruction_lists_what_goes_and_what_stays_for_a_while() {
    let mut bucket = resource("bucket", "AWS::S3::Bucket", Action::Delete, vec![]);
    bucket.name = Some("staging-checkout-uploads".into());
    bucket.risk = Risk::High;
    bucket.reason = "the bucket and every object in it are deleted".into();
    let mut key = resource("key", "AWS::KMS::Key", Action::Delete, vec![]);
    key.note = "KMS keeps it for 30 days".into();
    let mut module = module("uploads", "s3", vec![bucket, key]);
    module.change = ModuleChange::Destroy;
    let plan = Plan { request: PlanRequest::Destroy, ..plan(vec![module]) };
    insta::assert_snapshot!(render(&plan, style(100)));
}

#[test]
fn a_document_with_unknown_parts_shows_what_is_known() {
    let resource = |arn: &str| {
        policy(
            json!([{ "Sid": "Read", "Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": [arn, format!("{arn}/*")] }]),
        )
    };
    let unknown = resource("${landfall:bucket.arn}");
    let new = resource_with("policy", Action::Create, vec![new("document", unknown.clone())]);
    let old = resource("arn:aws:s3:::staging-checkout-old");
    let update = resource_with("other", Action::Update, vec![changed("document", old, unknown)]);
    insta::assert_snapshot!(render(&plan(vec![module("uploads", "s3", vec![new, update])]), style(100)));
}

fn resource_with(name: &str, action: Action, attributes: Vec<AttributeChange>) -> ResourceChange {
    resource(name, "AWS::S3::BucketPolicy", action, attributes)
}

#[test]
fn reordered_lists_show_their_order() {
    let long = |names: &[&str]| json!(names.iter().map(|name| name.repeat(12)).collect::<Vec<_>>());
    let group = resource(
        "group",
        "AWS::EC2::SecurityGroup",
        Action::Update,
        vec![changed("ingress", long(&["a", "b", "c", "d"]), long(&["b", "a", "c", "d"]))],
    );
    insta::assert_snapshot!(render(&plan(vec![module("base", "base", vec![group])]), style(80)));
}

#[test]
fn colours_change_no_letter() {
    let plan = rich();
    let colored = render(&plan, Style { paint: Paint::Color, ..style(100) });
    let mut plain = String::new();
    let mut rest = colored.as_str();
    while let Some((text, after)) = rest.split_once('\u{1b}') {
        plain.push_str(text);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    assert_ne!(colored, plain);
    assert_eq!(plain, render(&plan, style(100)));
}

#[test]
fn every_line_of_a_difference_is_shown_up_to_a_limit_that_is_named() {
    let words = |count: usize| json!({ "list": (0..count).map(|i| json!({ "number": i })).collect::<Vec<_>>() });
    let plan = plan(vec![module(
        "m",
        "sqs",
        vec![resource("r", "AWS::X::Y", Action::Update, vec![changed("document", words(1), words(60))])],
    )]);
    let text = render(&plan, style(100));
    assert!(text.contains("more lines"), "{text}");
}

/// A module that makes so many resources.
fn many(count: usize) -> Plan {
    let mut resources: Vec<ResourceChange> = (1..=count)
        .map(|number| {
            let attributes = vec![new("cidr", json!(format!("10.0.{number}.0/24")))];
            resource(&format!("subnet-{number}"), "AWS::EC2::Subnet", Action::Create, attributes)
        })
        .collect();
    let mut vpc = resource("vpc", "AWS::EC2::VPC", Action::Create, vec![new("cidr", json!("10.0.0.0/16"))]);
    vpc.name = Some("lf-staging".into());
    vpc.note = "it is shared with services".into();
    resources[0] = vpc;
    let change = changed("enabled", json!(false), json!(true));
    resources.push(resource("ebs", "Landfall::EC2::EbsEncryptionByDefault", Action::Update, vec![change]));
    plan(vec![module("base", "base", resources)])
}

#[test]
fn a_module_that_makes_many_resources_shows_one_line_for_each_and_what_shows_the_rest() {
    insta::assert_snapshot!(render(&many(11), style(100)));
    let few = render(&many(10), style(100));
    assert!(few.contains("10.0.2.0/24") && !few.contains("--full"), "{few}");
    let full = render(&many(11), Style { full: true, ..style(100) });
    assert!(full.contains("10.0.11.0/24") && !full.contains("--full"), "{full}");
}

#[test]
fn a_layer_that_was_never_deployed_is_said_to_be_nowhere() {
    let nowhere = Plan {
        environment: "checkout".into(),
        account_id: String::new(),
        region: String::new(),
        request: PlanRequest::Destroy,
        ..plan(vec![])
    };
    assert_eq!(render(&nowhere, style(100)), "No changes. checkout has nothing to destroy.\n");
}

#[test]
fn a_name_that_has_no_room_stands_on_a_line_of_its_own() {
    let mut bucket = resource("log-bucket", "AWS::S3::Bucket", Action::Create, vec![]);
    bucket.name = Some("lf-staging-logging-bucket-6582395176fafdbd".into());
    let text = render(&plan(vec![module("base", "base", vec![bucket])]), style(60));
    assert!(
        text.contains("+ log-bucket  AWS::S3::Bucket\n      lf-staging-logging-bucket-6582395176fafdbd\n"),
        "{text}"
    );
}

#[test]
fn a_deletion_without_data_says_no_more_than_its_symbol() {
    let mut gone = resource("group", "AWS::EC2::SecurityGroup", Action::Delete, vec![]);
    (gone.risk, gone.reason) = (Risk::Elevated, "it is deleted".into());
    let text = render(&plan(vec![module("base", "base", vec![gone])]), style(100));
    assert!(text.contains("- group  AWS::EC2::SecurityGroup\n\n1 to delete"), "{text}");
}

fn obstacle(weight: Weight, about: &str, message: &str, hint: &str) -> Obstacle {
    Obstacle { weight, about: about.into(), message: message.into(), hint: hint.into() }
}

/// A plan that makes a queue, with everything that can stand in its way.
fn hindered() -> Plan {
    let mut orders = module("orders", "sqs", vec![resource("queue", "AWS::SQS::Queue", Action::Create, vec![])]);
    orders.preflight = vec![
        obstacle(
            Weight::Blocking,
            "sqs:CreateQueue",
            "policy taken-away denies sqs:CreateQueue on arn:aws:sqs:eu-central-1:111122223333:staging-checkout-orders \
             to role landfall-eu-central-1-sqs",
            "take that statement out of it",
        ),
        obstacle(
            Weight::Doubtful,
            "sqs:TagQueue",
            "the permissions boundary of role r does not allow sqs:TagQueue",
            "",
        ),
        obstacle(
            Weight::Near,
            "IAM roles",
            "801 of 1000 IAM roles (800 there, 1 to be made)",
            "ask for more: https://q",
        ),
        obstacle(Weight::Unchecked, "permissions", "permissions: AWS was asked too often", ""),
    ];
    plan(vec![orders])
}

#[test]
fn what_stands_in_the_way_is_read_before_what_is_made() {
    insta::assert_snapshot!(render(&hindered(), style(100)));
}

#[test]
fn what_aws_will_refuse_is_a_high_risk_and_what_it_may_refuse_is_not() {
    let mut plan = hindered();
    assert_eq!(plan.risk(), Risk::High);
    plan.modules[0].preflight.remove(0);
    assert_eq!(plan.risk(), Risk::Low);
}

#[test]
fn an_approval_binds_to_what_changes_and_not_to_what_stands_in_its_way() {
    let (mut plan, hash) = (hindered(), hindered().hash());
    plan.modules[0].preflight[2].message = "802 of 1000 IAM roles (801 there, 1 to be made)".into();
    assert_eq!(plan.hash(), hash, "somebody made a role meanwhile");
    plan.modules[0].preflight.clear();
    assert_eq!(plan.hash(), hash, "it was set right");
    plan.modules[0].resources.clear();
    assert_ne!(plan.hash(), hash);
}

#[test]
fn a_plan_of_an_earlier_version_is_read() {
    let mut document = serde_json::to_value(hindered()).unwrap();
    assert!(document["modules"][0]["preflight"].is_array());
    document["modules"][0].as_object_mut().unwrap().remove("preflight");
    let read: Plan = serde_json::from_value(document).unwrap();
    assert!(read.modules[0].preflight.is_empty());
}

fn left(path: &str, why: Why, is: Value, says: Value) -> LeftAlone {
    let change = AttributeChange { drift: true, ..changed(path, is, says) };
    LeftAlone { resource: "queue".into(), kind: "AWS::SQS::Queue".into(), why, change }
}

#[test]
fn what_is_left_alone_is_said_also_where_nothing_changes_and_is_no_part_of_the_hash() {
    let mut orders = module("orders", "sqs", vec![resource("queue", "AWS::SQS::Queue", Action::Keep, vec![])]);
    let plain = plan(vec![orders.clone()]);
    let tags = json!({ "team": "payments", "cost-center": "a name that is much too long for a line" });
    orders.left =
        vec![left("delay_seconds", Why::Accepted, json!(7), json!(5)), left("tags", Why::Ignored, tags, json!({}))];
    let with = plan(vec![orders]);
    let text = render(&with, Paint::Plain);
    assert!(text.starts_with("No changes."), "{text}");
    assert!(text.contains("Left as it is, although the config says otherwise:\n"), "{text}");
    assert!(text.contains("  orders.queue delay_seconds: 7, not 5 (accepted)\n"), "{text}");
    assert!(text.contains("(the file ignores it)") && text.contains('…'), "{text}");
    assert_eq!(with.hash(), plain.hash(), "an approval does not hang on it");
    assert!(!render(&plain, Paint::Plain).contains("Left as it is"));
}
