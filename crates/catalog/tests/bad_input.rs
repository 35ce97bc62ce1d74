//! What a user reads who wrote something that the catalogue refuses: one snapshot per mistake.

mod support;

use support::{Around, ENVIRONMENT, SERVICE, in_staging, rendered, rendered_with};

fn environment(modules: &str) -> String {
    format!("{ENVIRONMENT}{modules}")
}

fn service(modules: &str) -> String {
    format!("{SERVICE}{modules}")
}

macro_rules! bad {
    ($($name:ident: $text:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(rendered(&$text));
        }
    )*};
}

bad! {
    unknown_module_type: environment("  - type: aws-postgress\n    name: db\n  - type: kafka\n");
    a_needed_module_of_a_wrong_type: environment("  - type: base\n  - {type: k8s-clustre, name: cluster}\n  - {type: k8s-base}\n");
    unknown_field: environment("  - type: sqs\n    fifoo: true\n  - type: redis\n    name: cache\n    multi_az: true\n  - type: base\n");
    wrong_types: environment("  - type: base\n    vpc_log_retention: ninety\n    private_ipv4_cidr_blocks: 10.0.0.0/21\n  - type: sqs\n    fifo: yes\n    delay_seconds: \"5\"\n  - type: s3\n    bucket_name: 12\n    cors_rule: [GET]\n");
    out_of_range: environment("  - type: sqs\n    delay_seconds: 901\n    receive_wait_time_seconds: -1\n");
    missing_fields: environment("  - type: s3\n  - type: dynamodb\n    hash_key: id\n    attributes:\n      - name: id\n");
    empty_bucket_name: environment("  - type: s3\n    bucket_name: \"\"\n");
    subnets_that_overlap: environment("  - type: base\n    public_ipv4_cidr_blocks: [10.0.0.0/21, 10.0.8.0/21, 10.0.12.0/22]\n    private_ipv4_cidr_blocks: [10.0.128.0/21, 10.1.0.0/21, 10.0.144.0/33]\n");
    subnets_outside_of_the_network: environment("  - type: base\n    private_ipv4_cidr_blocks: [10.0.128.0/21, 10.1.0.0/21, 10.0.144.0/21]\n");
    networks_too_large_and_too_small: environment("  - type: base\n    total_ipv4_cidr_block: 10.0.0.0/8\n    public_ipv4_cidr_blocks: [10.0.0.0/21, 10.0.8.0/29, 10.0.16.0/21]\n");
    subnets_of_two_zones: environment("  - type: base\n    public_ipv4_cidr_blocks: [10.0.0.0/21, 10.0.8.0/21]\n");
    half_of_an_existing_network: environment("  - type: base\n    vpc_id: vpc-0a1b2c3d4e5f60718\n    public_subnet_ids: [subnet-1]\n");
    log_kept_for_days_that_cloudwatch_does_not_know: environment("  - type: base\n    vpc_log_retention: 100\n");
    bucket_name_too_long: environment("  - type: s3\n    bucket_name: a-name-that-is-much-too-long-for-any-bucket-in-amazon-simple-storage-service\n  - type: s3\n    name: replicated\n    bucket_name: a-name-that-is-almost-too-long-for-a-bucket-of-its-replica\n    same_region_replication: true\n  - type: s3\n    name: capital\n    bucket_name: Uploads\n");
    two_networks: environment("  - type: base\n  - type: aws-base\n    name: second\n");
    modules_in_a_circle: environment("  - type: base\n  - {type: sqs, name: a, depends_on: [b]}\n  - {type: sqs, name: b, depends_on: [c]}\n  - {type: sqs, name: c, depends_on: [module.a]}\n  - {type: sqs, name: d, depends_on: [c]}\n  - {type: sns, name: e, sqs_subscribers: [\"${{module.f.topic_arn}}\"]}\n  - {type: sns, name: f, sqs_subscribers: [\"${{module.e.topic_arn}}\"]}\n");
    a_dependency_that_does_not_exist: environment("  - {type: sqs, name: orders, depends_on: [order, orders]}\n");
    output_where_a_number_is_wanted: environment("  - type: sqs\n    name: a\n  - type: sqs\n    name: b\n    delay_seconds: ${{module.a.queue_arn}}\n    fifo: ${{module.a.queue_name}}\n");
    cluster_without_network: environment("  - type: k8s-cluster\n  - type: k8s-base\n    domain: example.com\n    nginx_extra_tcp_ports_tls: [5432]\n");
    environment_module_in_a_service: service("  - type: base\n  - type: dns\n    domain: example.com\n");
    versions_that_are_gone: environment("  - type: base\n  - type: k8s-cluster\n    k8s_version: \"1.21\"\n  - type: postgres\n    engine_version: \"11.9\"\n  - type: mysql\n    engine_version: 5.7.mysql_aurora.2.04.2\n  - type: redis\n    redis_version: \"5.0.6\"\n  - type: documentdb\n    engine_version: 3.6.0\n  - type: lambda-function\n    runtime: nodejs14.x\n    filename: a.zip\n");
    versions_that_fade: environment("  - type: base\n  - type: k8s-cluster\n    k8s_version: \"1.32\"\n    ami_type: AL2_x86_64_GPU\n    node_instance_type: m4.large\n  - type: redis\n    redis_version: 6.x\n    node_type: cache.m4.large\n");
    version_without_quotes: environment("  - type: base\n  - type: k8s-cluster\n    k8s_version: 1.35\n");
    settings_that_do_not_exist: format!("landfall:\n  approval: sometimes\n  notify: me\n{}", environment("  []\n"));
    drift_that_cannot_be_ignored: environment("  - type: sqs\n    ignore_drift: [delay_seconds, \"tags.\", kms_key, delay_seconds, \"tags.landfall:layer\"]\n");
    drift_of_an_identity: environment("  - type: iam-role\n    allowed_services: [events.amazonaws.com]\n    ignore_drift: [description, tags.CostCenter, kms_key]\n");
    drift_to_ignore_everywhere: environment("  - type: sqs\n    ignore_drift: [\"*\", \"tags.*\", delay seconds, \"-\", tags]\n");
    drift_to_ignore_that_is_no_list_of_texts: environment("  - type: sqs\n    ignore_drift: [7]\n  - type: sns\n    ignore_drift: policy\n");
    looks_for_drift_that_never_come: format!("landfall:\n  drift: {{every_hours: 0}}\n{}", environment("  []\n"));
    freezes_that_hold_nothing: format!("landfall:\n  freeze:\n    - {{from: 2026-12-27, until: 2026-12-24}}\n    - {{from: 2026-12-24, until: \"2026-12-24T00:00Z\"}}\n    - {{from: 2026-02-30, until: 2026-02-31}}\n    - {{from: 2026-12-24, until: soon}}\n    - {{from: 2026-12-24, until: \"2026-12-24T00:00:01Z\", reason: sale}}\n  drift: never\n{}", environment("  []\n"));
    reserved_for_nodes: environment("  - type: base\n  - type: k8s-cluster\n    node_instance_type: t3.micro\n    min_nodes: 5\n    max_nodes: \"3\"\n    ami_type: ubuntu\n");
    key_that_is_no_attribute: environment("  - type: dynamodb\n    hash_key: id\n    range_key: at\n    attributes: [{name: id, type: S}, {name: email, type: S}]\n");
    postgres_that_joins_and_makes: environment("  - type: base\n  - type: postgres\n    existing_global_database_id: lf-global\n    database_name: app\n    create_global_database: true\n");
    domain_for_nobody: environment("  - type: dns\n    domain: example.com\n    linked_module: cdn\n  - type: sqs\n");
    mail_from_a_domain_that_is_not_delegated: environment("  - type: dns\n    domain: example.com\n  - type: ses\n");
    path_out_of_the_folder: environment("  - type: iam-policy\n    file: ../policy.json\n  - type: iam-policy\n    name: absolute\n    file: /etc/policy.json\n");
    distribution_of_nothing: environment("  - type: cloudfront-distribution\n    allowed_methods: [GET, POST]\n    acm_cert_arn: arn:aws:acm:eu-west-1:123456789012:certificate/1\n  - type: cloudfront-distribution\n    name: second\n    allowed_methods: [GET, POST]\n");
    what_is_no_arn: environment("  - {type: sns, sqs_subscribers: [orders, \"arn:aws:sns:us-east-1:123456789012:events\"]}\n  - type: iam-role\n    allowed_iams: [root, \"arn:aws:s3:::acme\"]\n    extra_iam_policies: [AdministratorAccess]\n");
    fifo_queues_of_a_standard_topic: environment("  - {type: sqs, name: q, fifo: true}\n  - {type: sns, name: t, sqs_subscribers: [\"${{module.q.queue_arn}}\", \"arn:aws:sqs:us-east-1:123456789012:other.fifo\", \"${{module.q.queue_id}}\"]}\n");
    role_for_nobody: environment("  - type: iam-role\n");
    chart_without_version: environment("  - type: base\n  - type: k8s-cluster\n  - type: helm-chart\n    chart: redis\n    repository: https://charts.example.com\n    values_file: a.yaml\n    values_files: [b.yaml]\n");
}

#[test]
fn what_is_no_policy_of_a_bucket() {
    let statement = "{Effect: Deny, Principal: \"*\", Action: \"s3:*\", Resource: \"*\"}";
    let policies = [
        "\"{{ not json }}\"".to_owned(),
        "\"[1]\"".to_owned(),
        "[1]".to_owned(),
        "5".to_owned(),
        "{Version: \"2012-10-17\"}".to_owned(),
        "{Statement: all}".to_owned(),
        format!("{{Statement: [{statement}, none]}}"),
        format!("{{Statement: [{statement}, {{Effect: allow, Principal: \"*\", Action: \"s3:*\", Resource: \"*\"}}]}}"),
        "{Statement: {Effect: Allow, Action: \"s3:*\", NotAction: \"s3:Get*\", Principal: \"*\", Resource: \"*\"}}"
            .to_owned(),
    ];
    let modules = policies.iter().enumerate().map(|(index, policy)| {
        format!("  - name: b{index}\n    type: s3\n    bucket_name: acme-{index}\n    bucket_policy: {policy}\n")
    });
    insta::assert_snapshot!(rendered(&environment(&modules.collect::<String>())));
}

#[test]
fn rules_for_other_origins_without_origins_or_methods() {
    let rules =
        ["{}", "{allowed_origins: [], allowed_methods: [GET]}", "{allowed_origins: [\"*\"], allowed_methods: }"];
    let modules = rules.iter().enumerate().map(|(index, rule)| {
        format!("  - name: b{index}\n    type: s3\n    bucket_name: acme-{index}\n    cors_rule: {rule}\n")
    });
    insta::assert_snapshot!(rendered(&environment(&modules.collect::<String>())));
}

#[test]
fn policies_of_buckets_that_may_be_right() {
    let reference = "${{module.q.queue_arn}}";
    for policy in [
        "~".to_owned(),
        "{Statement: []}".to_owned(),
        "{Statement: {Effect: Deny, NotPrincipal: \"*\", NotAction: \"s3:*\", NotResource: \"*\"}}".to_owned(),
        "'{{\"Statement\": [{{\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"s3:*\", \"Resource\": \"*\"}}]}}'"
            .to_owned(),
        format!("\"{reference}\""),
        format!("{{Statement: \"{reference}\"}}"),
        format!("{{Statement: [\"{reference}\"]}}"),
        format!(
            "{{Statement: [{{Effect: \"{reference}\", Principal: \"*\", Action: \"{reference}\", Resource: \"*\"}}]}}"
        ),
    ] {
        let modules =
            format!("  - {{name: q, type: sqs}}\n  - type: s3\n    bucket_name: acme\n    bucket_policy: {policy}\n");
        assert_eq!(rendered(&environment(&modules)), "accepted\n", "{policy}");
    }
}

#[test]
fn principals_and_queues_that_may_be_right() {
    let reference = |output: &str| format!("\"${{{{module.{output}}}}}\"");
    let (queue, fifo, role, policy) =
        (reference("q.queue_arn"), reference("f.queue_arn"), reference("r.role_arn"), reference("p.policy_arn"));
    let modules = format!(
        "  - {{name: q, type: sqs}}
  - {{name: f, type: sqs, fifo: true}}
  - {{name: t, type: sns, sqs_subscribers: [{queue}, \"arn:aws-cn:sqs:cn-north-1:123456789012:orders\"]}}
  - {{name: u, type: sns, fifo: true, sqs_subscribers: [{queue}, {fifo}]}}
  - {{name: p, type: iam-policy, file: p.json}}
  - {{name: r, type: iam-role, allowed_iams: [\"*\", \"210987654321\", \"arn:aws:iam::{{aws.account_id}}:root\"]}}
  - {{name: s, type: iam-role, allowed_iams: [{role}], extra_iam_policies: [{policy}, \"arn:aws:iam::aws:policy/ReadOnlyAccess\"]}}
"
    );
    assert_eq!(rendered(&environment(&modules)), "accepted\n");
    assert_eq!(rendered(&service(&modules)), "accepted\n");
}

#[test]
fn service_in_the_cluster_with_every_mistake() {
    let text = service(
        "  - type: k8s-service
    name: app
    image: AUTO
    ports:
      - {name: main, type: http, port: 80}
      - {name: main, type: http, port: 80, service_port: 81}
      - {name: db, type: tcp, port: 5432, protocol: grpc}
    probe_port: admin
    min_containers: 0
    healthcheck_path: /
    readiness_probe_command: [/ready]
    cron_jobs: [{commands: [a], schedule: daily}]
",
    );
    insta::assert_snapshot!(rendered_with(&text, &in_staging()));
}

#[test]
fn service_in_the_cluster_with_wrong_values() {
    let text = service(
        "  - type: k8s-service
    name: App
    port: {http: 8080, tcp: 8081}
    env_vars: {PORT: 8080}
    resource_limits: {cpu: 1}
    min_containers: many
",
    );
    insta::assert_snapshot!(rendered_with(&text, &in_staging()));
}

#[test]
fn variable_without_value() {
    let text = "input_variables:\n  - name: size\n".to_owned() + &environment("  []\n");
    insta::assert_snapshot!(rendered(&text));
}

#[test]
fn account_that_is_not_ours() {
    let around = Around { account_id: Some("999999999999".to_owned()), ..Around::default() };
    insta::assert_snapshot!(rendered_with(&environment("  - type: base\n"), &around));
}

#[test]
fn region_with_two_zones() {
    let around = Around { zones: Some(2), ..Around::default() };
    insta::assert_snapshot!(rendered_with(&environment("  - type: base\n"), &around));
}

#[test]
fn service_named_like_its_environment() {
    let text = service("  - type: sqs\n").replace("name: shop", "name: staging");
    insta::assert_snapshot!(rendered_with(&text, &in_staging()));
}

#[test]
fn kind_whose_function_is_not_installed() {
    let supported = Some(["base", "s3", "sqs"].map(str::to_owned).into());
    let around = Around { supported, ..in_staging() };
    let text = service("  - type: sqs\n  - type: aws-postgres\n    name: db\n");
    insta::assert_snapshot!(rendered_with(&text, &around));
}

#[test]
fn service_in_an_environment_without_a_cluster() {
    let mut around = in_staging();
    if let Some(environment) = &mut around.environment {
        environment.modules.retain(|module| module.kind == "base");
    }
    let text = service(
        "  - type: k8s-service\n    image: nginx\n  - type: iam-role\n    allowed_k8s_services: [{namespace: a, service_name: b}]\n",
    );
    insta::assert_snapshot!(rendered_with(&text, &around));
}
