//! `helm-chart`: one Helm release of any chart.

use serde_json::{Map, Value};

use super::shared::{AUTHORITY, CLUSTER, ENDPOINT, KUBERNETES_NAME, RELEASE};
use crate::check::Check;
use crate::kind::{Default, Input, Kind, NameRule, Need};
use crate::ty::{Pattern, Type};

const REPOSITORY: Pattern = Pattern {
    regex: "^(https?|oci)://[!-~]+$",
    what: "the URL of a chart repository",
    example: "https://charts.example.com",
};

pub(crate) const KIND: Kind = Kind {
    name: "helm-chart",
    type_names: &["helm-chart"],
    summary: "One Helm release, of a chart from a repository or beside this file",
    inputs: &[
        Input::required("chart", Type::NonEmpty, "Name of the chart in the repository, or its folder beside this file"),
        Input::optional("repository", Type::Pattern(&REPOSITORY), Default::Null, "Repository; none for a local chart"),
        Input::optional("chart_version", Type::NonEmpty, Default::Null, "Version of the chart"),
        Input::optional(
            "release_name",
            Type::Pattern(&KUBERNETES_NAME),
            Default::Null,
            "Name of the release of a chart from a repository; the chart's name when absent",
        ),
        Input::optional("namespace", Type::Pattern(&KUBERNETES_NAME), Default::Text("default"), "Namespace"),
        Input::optional("create_namespace", Type::Bool, Default::Bool(false), "Makes the namespace"),
        Input::optional("values", Type::Any, Default::EmptyMap, "Values; they win over those of files"),
        Input::optional(
            "values_files",
            Type::list(&Type::Path),
            Default::Texts(&[]),
            "Files of values, later ones win",
        ),
        Input::optional("values_file", Type::Path, Default::Null, "File of values"),
        Input::optional("atomic", Type::Bool, Default::Bool(true), "Goes back when the release fails"),
        Input::optional("cleanup_on_fail", Type::Bool, Default::Bool(true), "Deletes what a failed release made"),
        Input::optional("dependency_update", Type::Bool, Default::Bool(true), "Fetches charts that it depends on"),
        Input::optional("wait", Type::Bool, Default::Bool(true), "Waits until everything is ready"),
        Input::optional("wait_for_jobs", Type::Bool, Default::Bool(false), "Waits for jobs too"),
        Input::optional("timeout", Type::COUNT, Default::Int(600), "Seconds a release may take"),
        Input::optional("max_history", Type::COUNT, Default::Int(25), "Revisions that are kept"),
    ],
    wires: &[CLUSTER, ENDPOINT, AUTHORITY],
    needs: &[Need::somewhere("k8s-cluster"), Need { kind: "k8s-base", presence: crate::kind::Presence::Optional }],
    names: &[NameRule {
        // A release of a local chart is named by layer and module, another one by its chart.
        name: |parts| parts.text("repository").is_none().then(|| format!("{}-{}", parts.layer, parts.module)),
        ..RELEASE
    }],
    check: Some(check),
    files: Some(local_chart),
    ..Kind::BLANK
};

fn check(check: &mut Check<'_, '_>) {
    if check.is_given("repository") && !check.is_given("chart_version") {
        let help = "name a version, so that a release of the chart's authors does not change yours";
        check.error("repository", "a chart from a repository needs `chart_version`", help);
    }
    if check.is_given("values_file") && check.is_given("values_files") {
        check.error("values_file", "`values_file` and `values_files` exclude each other", "use `values_files`");
    }
    if !check.is_given("repository") {
        let chart = check.text("chart").unwrap_or_default().to_owned();
        if chart.starts_with(['/', '~']) || chart.split('/').any(|part| part == "..") {
            let help = "put the chart beside this file or below it, or name a `repository`";
            check.error("chart", "the path leaves the folder of this file", help);
        }
    }
}

fn local_chart(inputs: &Map<String, Value>) -> Vec<String> {
    let is_local = inputs.get("repository").is_none_or(Value::is_null);
    inputs.get("chart").and_then(Value::as_str).filter(|_| is_local).map(str::to_owned).into_iter().collect()
}
