//! `redis`: a replicated cache that speaks the Redis protocol.

use super::shared::{KEY, generation, layer_module};
use crate::check::Check;
use crate::kind::{Default, Grants, Input, Kind, Letters, NameRule, Need, Output};
use crate::ty::{Pattern, Support, Type, Versions};

const NODE: Pattern =
    Pattern { regex: "^cache\\.[a-z0-9-]+\\.[a-z0-9-]+$", what: "a cache node type", example: "cache.m7g.large" };

const WINDOW: Pattern = Pattern {
    regex: "^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$",
    what: "a time of the day in UTC",
    example: "04:00-05:00",
};

/// Up to 7.1 the engine is Redis OSS, from 7.2 on it is Valkey.
const VERSION: Versions = Versions {
    form: Pattern { regex: "^[1-9][0-9]?\\.([0-9]{1,2}|x)(\\.[0-9]+)?$", what: "an engine version", example: "8.0" },
    former: &[("6.x", "6.2")],
    support: |version| match version.split('.').next().and_then(|major| major.parse::<u32>().ok()) {
        Some(..=5) => Support::Gone("is past its end: AWS makes no new caches of it"),
        _ => Support::Offered,
    },
    instead: "use \"8.0\" (Valkey) or \"7.1\" (Redis OSS)",
};

pub(crate) const KIND: Kind = Kind {
    name: "redis",
    type_names: &["redis", "aws-redis"],
    summary: "Cache for the Redis protocol: two nodes in two zones, encrypted, TLS and password",
    inputs: &[
        Input::optional(
            "node_type",
            Type::Pattern(&NODE),
            Default::Text("cache.m7g.large"),
            "Machine type of the nodes",
        ),
        Input::optional(
            "redis_version",
            Type::Version(&VERSION),
            Default::Text("8.0"),
            "Engine version: Redis OSS up to 7.1, Valkey from 7.2",
        ),
        Input::optional(
            "snapshot_retention_limit",
            Type::Int { min: 0, max: 35 },
            Default::Int(0),
            "Days that snapshots are kept; 0 takes none",
        ),
        Input::optional(
            "snapshot_window",
            Type::Pattern(&WINDOW),
            Default::Text("04:00-05:00"),
            "When snapshots are taken, UTC",
        ),
    ],
    wires: &[KEY],
    outputs: &[
        Output::exported("cache_host", "Host name to connect to"),
        Output::secret("cache_auth_token", "Password of the cache"),
    ],
    grants: Grants::Secrets(&["cache_host", "cache_auth_token"]),
    needs: &[Need::somewhere("base")],
    names: &[NameRule {
        what: "replication group",
        limit: 40,
        letters: Letters::Identifier,
        name: layer_module,
        input: None,
    }],
    check: Some(check),
    missed: &[("multi_az", "a cache always has two nodes in two zones")],
    ..Kind::BLANK
};

fn check(check: &mut Check<'_, '_>) {
    generation(check, "node_type", "cache.t4g.medium or cache.m7g.large");
    let Some((from, to)) = check.text("snapshot_window").and_then(|window| window.split_once('-')) else { return };
    let (Some(from), Some(to)) = (minutes(from), minutes(to)) else { return };
    // A window may cross midnight.
    if (to + 24 * 60 - from) % (24 * 60) < 60 {
        check.error("snapshot_window", "the window is shorter than an hour", "let it be an hour or longer");
    }
}

fn minutes(time: &str) -> Option<u32> {
    let (hours, minutes) = time.split_once(':')?;
    Some(hours.parse::<u32>().ok()? * 60 + minutes.parse::<u32>().ok()?)
}
