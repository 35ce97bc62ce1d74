//! What is in the state table: leases, deployments and approvals that came to a stop, dead letters, and on demand
//! whether the whole table holds together. Asked of the API.

use jiff::Timestamp;
use serde_json::Value;

use super::{Blind, Finding};
use crate::client::Client;
use crate::error::{Exit, Failure};
use crate::ui::{ago, counted};

const GROUP: &str = "Layers";

/// That there is no way to the API.
pub(super) fn unreachable(failure: &Failure) -> Finding {
    Finding::wrong(GROUP, "api", failure.message.clone(), failure.hint.clone().unwrap_or_default())
}

pub(super) async fn look(client: &Client, deep: bool) -> (Vec<Finding>, Option<Value>) {
    let path = if deep { "/doctor?deep=true" } else { "/doctor" };
    let (state, letters) = tokio::join!(client.get(path), client.get("/dead-letters"));
    let mut found = vec![match &letters {
        Ok(letters) => dead_letters(letters, Timestamp::now()),
        Err(failure) => refused("dead letters", failure),
    }];
    let whole = match &state {
        Ok(state) => {
            found.extend(troubles(state));
            state["deep"].is_object().then(|| state["deep"].clone())
        }
        Err(failure) => {
            found.push(refused("deployments", failure));
            None
        }
    };
    found.extend(whole.iter().flat_map(table));
    (found, whole)
}

fn refused(check: &'static str, failure: &Failure) -> Finding {
    let blind = Blind { code: None, what: failure.message.clone(), todo: failure.hint.clone() };
    match failure.exit {
        Exit::NotFound => Finding::wrong(
            GROUP,
            check,
            "the installation is older than this command and does not know this check",
            "bring it up to date: landfall bootstrap",
        ),
        Exit::Failed => Finding::wrong(GROUP, check, blind.what, blind.todo.unwrap_or_default()),
        _ => Finding::blind(GROUP, check, &blind),
    }
}

fn dead_letters(letters: &Value, now: Timestamp) -> Finding {
    let count = |name: &str| letters[name].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or_default();
    let all = count("count") + count("in_flight");
    if all == 0 {
        return Finding::ok(GROUP, "dead letters", "none");
    }
    let oldest = letters["letters"][0]["sent_at"].as_str().and_then(|at| at.parse().ok());
    let since = oldest.map(|at| format!(", the oldest came {}", ago(at, now))).unwrap_or_default();
    let about = letters["letters"][0]["about"].as_str().map(|about| format!(": {about}")).unwrap_or_default();
    let verb = if all == 1 { "waits" } else { "wait" };
    let what = format!("{} {verb}{since}{about}", counted(all, "event"));
    Finding::wrong(
        GROUP,
        "dead letters",
        what,
        "see them: landfall redrive --list\nprocess them again: landfall redrive",
    )
}

fn troubles(state: &Value) -> Vec<Finding> {
    let mut found: Vec<Finding> = state["troubles"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|trouble| {
            let part = |name: &str| trouble[name].as_str().unwrap_or_default();
            Finding::wrong(GROUP, check(part("kind")), part("message"), part("todo"))
        })
        .collect();
    let count = |name: &str| state[name].as_u64().unwrap_or_default();
    if found.is_empty() {
        let layers = usize::try_from(count("layers")).unwrap_or_default();
        let what = format!(
            "{}: {} held, {} running, {} waiting",
            counted(layers, "layer"),
            count("held"),
            count("running"),
            count("waiting")
        );
        found.push(Finding::ok(GROUP, "deployments", what));
    }
    found
}

/// What a kind of trouble is about.
fn check(kind: &str) -> &'static str {
    match kind {
        "dead-lease" | "expired-lease" => "leases",
        "approval-over" => "approvals",
        "nobody-begins" | "waits-long" => "queue",
        _ => "deployments",
    }
}

fn table(deep: &Value) -> Vec<Finding> {
    const TABLE: &str = "State table";
    let mut found: Vec<Finding> = deep["broken"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|broken| {
            let part = |name: &str| broken[name].as_str().unwrap_or_default();
            let layer = part("layer");
            let todo = format!("who wrote to the table? a plain deployment of {layer} looks at everything again");
            Finding::wrong(TABLE, layer, part("what"), todo)
        })
        .collect();
    let items = deep["items"].as_u64().unwrap_or_default();
    if deep["complete"] != true {
        let what = format!("too large to be looked at in one request: {items} items were");
        found.push(Finding::warning(TABLE, "size", what, "the layers that were looked at are true as said above"));
    } else if found.is_empty() {
        found.push(Finding::ok(TABLE, "invariants", format!("all hold, of {items} items")));
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::doctor::State;
    use serde_json::json;

    #[test]
    fn dead_letters_say_how_many_and_since_when() {
        let now: Timestamp = "2026-11-25T12:10:00Z".parse().unwrap();
        let none = json!({ "count": 0, "in_flight": 0, "letters": [] });
        assert_eq!(dead_letters(&none, now).state, State::Ok);
        let letters = json!([{ "sent_at": "2026-11-25T12:00:00Z", "about": "env.yaml, version v1" }]);
        let some = dead_letters(&json!({ "count": 2, "in_flight": 0, "letters": letters }), now);
        assert_eq!(some.state, State::Wrong);
        assert_eq!(some.what, "2 events wait, the oldest came 10 min ago: env.yaml, version v1");
    }

    #[test]
    fn a_table_that_was_not_read_whole_is_a_warning_even_when_nothing_is_broken() {
        let partly = table(&json!({ "items": 200_000, "complete": false, "broken": [] }));
        assert_eq!((partly.len(), partly[0].state), (1, State::Warning));
    }
}
