//! What has to hold between the inputs of a `k8s-service`.

use serde_json::Value;

use crate::check::Check;
use crate::kinds::shared::ordered;

pub(super) fn check(check: &mut Check<'_, '_>) {
    containers(check);
    probes(check);
    ports(check);
    schedules(check);
}

fn containers(check: &mut Check<'_, '_>) {
    ordered(check, "min_containers", "max_containers");
    if check.value("min_containers") == 0 && check.value("max_containers") != 0 {
        check.error(
            "min_containers",
            "min_containers is 0 while max_containers is not",
            "autoscaling needs one container; set max_containers to 0 too to run none",
        );
    }
}

/// A probe asks for a path or runs a command. `healthcheck_*` stands for both probes.
fn probes(check: &mut Check<'_, '_>) {
    for probe in ["liveness", "readiness"] {
        let path = [format!("{probe}_probe_path"), "healthcheck_path".to_owned()];
        let command = [format!("{probe}_probe_command"), "healthcheck_command".to_owned()];
        let given = |check: &Check<'_, '_>, inputs: &[String]| {
            inputs.iter().find(|input| check.text(input).is_some() || !check.items(input).is_empty()).cloned()
        };
        if let (Some(path), Some(command)) = (given(check, &path), given(check, &command)) {
            check.error(
                &command,
                format!("the {probe} probe has both a path ({path}) and a command ({command})"),
                "remove one of the two",
            );
        }
    }
}

fn ports(check: &mut Check<'_, '_>) {
    let one = check.fields("port").map(|port| port.values().filter(|value| !value.is_null()).count());
    match one {
        Some(1) if check.is_given("ports") => {
            check.error("ports", "`port` and `ports` exclude each other", "move the port into `ports`");
        }
        Some(1) => {}
        Some(_) => check.error("port", "a port has exactly one of http, tcp, grpc, websocket", "for more use `ports`"),
        None => {}
    }
    let ports = check.items("ports").to_vec();
    for (index, port) in ports.iter().enumerate() {
        let earlier = &ports[..index];
        twice(check, index, "name", port, earlier, &|port: &Value| port["name"].clone());
        twice(check, index, "port", port, earlier, &|port: &Value| port["port"].clone());
        twice(check, index, "service_port", port, earlier, &service_port);
        if !port["protocol"].is_null() && port["type"] != "http" {
            let message = "a protocol belongs to a port of type http";
            check.error(&format!("ports[{index}].protocol"), message, "remove it, or set `type: http`");
        }
        if port["type"] == "http" && earlier.iter().any(|port| port["type"] == "http") {
            let message = "a second port of type http";
            check.error(&format!("ports[{index}].type"), message, "one port of type http is allowed; use tcp");
        }
    }
    if check.is_unknown("ports") || check.is_unknown("port") {
        return;
    }
    probe_port(check, &ports, one.is_some());
    let has_http = ports.iter().any(|port| port["type"] == "http") || check.fields("port").is_some();
    let is_public = !check.is_empty("public_uri");
    if is_public && !has_http {
        check.error("public_uri", "there is no http port that could be public", "add `port: {http: 8080}`");
    }
}

fn twice(
    check: &mut Check<'_, '_>,
    index: usize,
    field: &str,
    port: &Value,
    earlier: &[Value],
    of: &dyn Fn(&Value) -> Value,
) {
    let value = of(port);
    let is_known = value.is_number() || value.as_str().is_some_and(|text| !crate::check::is_unknown(text));
    if is_known && earlier.iter().any(|other| of(other) == value) {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let what = field.replace('_', " ");
        check.error(
            &format!("ports[{index}].{field}"),
            format!("a second port has the {what} {shown}"),
            format!("give each entry another {what}"),
        );
    }
}

/// 80 for http, the same port for tcp.
fn service_port(port: &Value) -> Value {
    match &port["service_port"] {
        Value::Null if port["type"] == "http" => Value::from(80),
        Value::Null => port["port"].clone(),
        given => given.clone(),
    }
}

fn probe_port(check: &mut Check<'_, '_>, ports: &[Value], is_one: bool) {
    let Some(wanted) = check.text("probe_port").map(str::to_owned) else { return };
    let mut names: Vec<&str> = ports.iter().filter_map(|port| port["name"].as_str()).collect();
    if is_one {
        names.push("main");
    }
    names.dedup();
    if !names.contains(&wanted.as_str()) {
        let help =
            if names.is_empty() { "add `ports`".to_owned() } else { format!("name one of {}", names.join(", ")) };
        check.error("probe_port", format!("there is no port `{wanted}`"), help);
    }
}

fn schedules(check: &mut Check<'_, '_>) {
    for (index, job) in check.items("cron_jobs").to_vec().iter().enumerate() {
        let schedule = job["schedule"].as_str().unwrap_or_default();
        let is_cron = schedule.starts_with('@') || schedule.split_whitespace().count() == 5;
        if !is_cron && !crate::check::is_unknown(schedule) {
            let path = format!("cron_jobs[{index}].schedule");
            check.error(&path, format!("`{schedule}` is no schedule"), "write five fields, for example `0 4 * * *`");
        }
    }
}
