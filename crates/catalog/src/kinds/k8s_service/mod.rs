//! `k8s-service`: an app in the cluster: container, ports, scaling, secrets and permissions.

mod rules;

use super::shared::{AUTHORITY, CLUSTER, ENDPOINT, LINKS, OIDC_ARN, OIDC_URL, RELEASE, iam_name};
use crate::kind::{Default, Holds, Input, Kind, Letters, NameRule, Need, Output};
use crate::ty::{Enum, Pattern, Type};

const PORT: Type = Type::IntOrText { min: 1, max: 65535 };
const SHARE: Type = Type::IntOrText { min: 1, max: 1000 };
const CONTAINERS: Type = Type::IntOrText { min: 0, max: 10_000 };
const AMOUNT: Type = Type::IntOrText { min: 1, max: 10_000_000 };

const ONE_PORT: &[Input] = &[
    Input::optional("http", PORT, Default::Null, "Port that speaks HTTP"),
    Input::optional("tcp", PORT, Default::Null, "Port that speaks anything over TCP"),
    Input::optional("grpc", PORT, Default::Null, "Port that speaks gRPC"),
    Input::optional("websocket", PORT, Default::Null, "Port that speaks HTTP with websockets"),
];

const PORT_NAME: Pattern = Pattern { regex: "^[a-z0-9-]{1,63}$", what: "a port name", example: "main" };
const PORT_TYPE: Enum = Enum { words: &["http", "tcp"], former: &[] };
const PROTOCOL: Enum = Enum { words: &["grpc", "websocket"], former: &[] };

const PORTS: &[Input] = &[
    Input::required("name", Type::Pattern(&PORT_NAME), "Name of the port"),
    Input::required("type", Type::Enum(&PORT_TYPE), "http or tcp"),
    Input::required("port", PORT, "Port that the container listens on"),
    Input::optional("service_port", PORT, Default::Null, "Port of the service; 80 for http, the same port for tcp"),
    Input::optional("protocol", Type::Enum(&PROTOCOL), Default::Null, "What an http port speaks beside HTTP"),
];

const ENV_VAR: &[Input] = &[
    Input::required("name", Type::NonEmpty, "Name of the variable"),
    Input::required("value", Type::Text, "Value of the variable"),
];

const REQUEST: &[Input] =
    &[Input::required("cpu", AMOUNT, "Thousandths of a core"), Input::required("memory", AMOUNT, "Memory, MiB")];
const LIMITS: &[Input] = &[Input::optional("memory", AMOUNT, Default::Null, "Most memory, MiB")];

const STORAGE: &[Input] = &[
    Input::required("size", Type::Int { min: 1, max: 65_536 }, "Size, GiB"),
    Input::required("path", Type::NonEmpty, "Folder of the container"),
];

const EFFECT: Enum = Enum { words: &["NoSchedule", "PreferNoSchedule", "NoExecute"], former: &[] };
const TOLERATION: &[Input] = &[
    Input::required("key", Type::NonEmpty, "Key of the taint"),
    Input::optional("value", Type::Text, Default::Text("opta"), "Value of the taint"),
    Input::optional("effect", Type::Enum(&EFFECT), Default::Text("NoSchedule"), "Effect of the taint"),
];

const CRON: &[Input] = &[
    Input::required("commands", Type::TEXTS, "Entrypoint"),
    Input::optional("args", Type::TEXTS, Default::Texts(&[]), "Arguments"),
    Input::required("schedule", Type::NonEmpty, "When it runs: five fields of cron, for example `0 4 * * *`"),
];

pub(crate) const KIND: Kind = Kind {
    name: "k8s-service",
    type_names: &["k8s-service", "aws-k8s-service"],
    unique: true,
    summary: "An app in the cluster of the environment",
    inputs: &[
        Input::required("image", Type::NonEmpty, "Image, or AUTO for a repository of its own"),
        Input::optional("port", Type::Object(ONE_PORT), Default::Null, "The one port of the app"),
        Input::optional("ports", Type::list(&Type::Object(PORTS)), Default::Null, "Ports of the app"),
        Input::optional(
            "probe_port",
            Type::Text,
            Default::Null,
            "Name of the port that is probed; the first when absent",
        ),
        Input::optional("min_containers", CONTAINERS, Default::Int(1), "Fewest containers"),
        Input::optional("max_containers", CONTAINERS, Default::Int(3), "Most containers; 0 runs none"),
        Input::optional(
            "autoscaling_target_cpu_percentage",
            SHARE,
            Default::Int(80),
            "Average use of the requested cpu, in percent, above which containers are added",
        ),
        Input::optional(
            "autoscaling_target_mem_percentage",
            SHARE,
            Default::Int(80),
            "Average use of the requested memory, in percent, above which containers are added",
        ),
        Input::optional(
            "env_vars",
            Type::Either(&[Type::list(&Type::Object(ENV_VAR)), Type::Map(&Type::Text)]),
            Default::Texts(&[]),
            "Environment variables: a list of name and value, or a mapping",
        ),
        Input::optional("secrets", Type::TEXTS, Default::Texts(&[]), "Has no effect")
            .deprecated("remove it: secrets come by links, or by `landfall secret`"),
        Input::optional("healthcheck_path", Type::Text, Default::Null, "Path that both probes ask for"),
        Input::optional("liveness_probe_path", Type::Text, Default::Null, "Path that says whether the app is alive"),
        Input::optional("readiness_probe_path", Type::Text, Default::Null, "Path that says whether the app is ready"),
        Input::optional("healthcheck_command", Type::TEXTS, Default::Texts(&[]), "Command that both probes run"),
        Input::optional("liveness_probe_command", Type::TEXTS, Default::Texts(&[]), "Command of the liveness probe"),
        Input::optional("readiness_probe_command", Type::TEXTS, Default::Texts(&[]), "Command of the readiness probe"),
        Input::optional("initial_liveness_delay", Type::COUNT, Default::Int(30), "Seconds before the first probe"),
        Input::optional("initial_readiness_delay", Type::COUNT, Default::Int(30), "Seconds before the first probe"),
        Input::optional(
            "resource_request",
            Type::Object(REQUEST),
            Default::Null,
            "What a container is sure to get; cpu 100 and memory 128 when absent",
        ),
        Input::optional(
            "resource_limits",
            Type::Object(LIMITS),
            Default::Null,
            "What a container may use at most; twice the requested memory when absent",
        ),
        Input::optional(
            "public_uri",
            Type::Either(&[Type::Text, Type::TEXTS]),
            Default::Texts(&[]),
            "Where the app is public: `app.example.com/path`, or `/path` for every host",
        ),
        Input::optional("keep_path_prefix", Type::Bool, Default::Bool(false), "Gives the app the whole path"),
        Input::optional("consistent_hash", Type::Text, Default::Null, "Sends equal values of this to one container"),
        Input::optional("sticky_session", Type::Bool, Default::Bool(false), "Keeps a visitor on one container"),
        Input::optional("sticky_session_max_age", Type::COUNT, Default::Int(86_400), "Seconds a visitor is kept"),
        Input::optional(
            "ingress_extra_annotations",
            Type::Map(&Type::Any),
            Default::EmptyMap,
            "More annotations of the ingress",
        ),
        Input::optional("pod_annotations", Type::Map(&Type::Any), Default::EmptyMap, "More annotations of pods"),
        Input::optional("pod_labels", Type::Map(&Type::Any), Default::EmptyMap, "More labels of pods"),
        Input::optional("additional_iam_policies", Type::TEXTS, Default::Texts(&[]), "ARNs of policies to attach"),
        LINKS,
        Input::optional(
            "persistent_storage",
            Type::list(&Type::Object(STORAGE)),
            Default::Texts(&[]),
            "Disks of each container that outlive it",
        ),
        Input::optional(
            "tolerations",
            Type::list(&Type::Object(TOLERATION)),
            Default::Texts(&[]),
            "Taints it may run on",
        ),
        Input::optional("cron_jobs", Type::list(&Type::Object(CRON)), Default::Texts(&[]), "Jobs of the same image"),
        Input::optional("commands", Type::TEXTS, Default::Texts(&[]), "Entrypoint in place of the image's"),
        Input::optional("args", Type::TEXTS, Default::Texts(&[]), "Arguments in place of the image's"),
        Input::optional("timeout", Type::COUNT, Default::Int(300), "Seconds a rollout may take"),
        Input::optional("max_history", Type::COUNT, Default::Int(25), "Revisions that are kept"),
    ],
    wires: &[CLUSTER, ENDPOINT, AUTHORITY, OIDC_URL, OIDC_ARN],
    outputs: &[
        Output::exported("docker_repo_url", "URL of its repository; empty unless image is AUTO"),
        Output::exported("current_image", "Image that runs"),
        Output::exported("current_tag", "Tag that runs"),
        Output::exported("current_digest", "Digest that runs"),
    ],
    holds: Holds::PermissionsAndSecrets,
    needs: &[Need::somewhere("k8s-cluster"), Need { kind: "k8s-base", presence: crate::kind::Presence::Optional }],
    names: &[
        NameRule {
            what: "Kubernetes namespace",
            limit: 63,
            letters: Letters::Lower,
            name: |parts| Some(parts.layer.to_owned()),
            input: None,
        },
        NameRule {
            what: "Kubernetes service",
            limit: 63,
            letters: Letters::Lower,
            name: |parts| Some(parts.module.to_owned()),
            input: None,
        },
        RELEASE,
        iam_name("IAM role", 64),
        NameRule {
            what: "ECR repository",
            limit: 256,
            letters: Letters::Lower,
            name: |parts| {
                parts
                    .text("image")
                    .filter(|image| image.eq_ignore_ascii_case("auto"))
                    .map(|_| format!("lf-{}-{}-0000", parts.layer, parts.module))
            },
            input: None,
        },
    ],
    check: Some(rules::check),
    missed: &[("domain", "use `public_uri`")],
    ..Kind::BLANK
};
