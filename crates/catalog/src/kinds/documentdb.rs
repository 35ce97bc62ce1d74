//! `documentdb`: a DocumentDB cluster.

use super::shared::generation;
use super::sql;
use crate::kind::{Default, Grants, Input, Kind, Output};
use crate::ty::{Pattern, Support, Type, Versions};

const CLASS: Pattern =
    Pattern { regex: "^db\\.[a-z0-9-]+(\\.[a-z0-9-]+)?$", what: "a database class", example: "db.r6g.large" };

const VERSION: Versions = Versions {
    form: Pattern { regex: "^[0-9]\\.[0-9]\\.[0-9]$", what: "a DocumentDB version", example: "5.0.0" },
    former: &[],
    support: |version| {
        if version.starts_with("3.") {
            Support::Gone("is past its end: AWS makes no new clusters of it")
        } else {
            Support::Offered
        }
    },
    instead: "use \"5.0.0\"",
};

pub(crate) const KIND: Kind = Kind {
    name: "documentdb",
    type_names: &["aws-documentdb", "documentdb"],
    summary: "DocumentDB: speaks the MongoDB protocol, encrypted, in the private subnets, TLS only",
    inputs: &[
        Input::optional("engine_version", Type::Version(&VERSION), Default::Text("5.0.0"), "Engine version"),
        Input::optional("instance_class", Type::Pattern(&CLASS), Default::Text("db.r6g.large"), "Machine type"),
        Input::optional("instance_count", Type::Int { min: 1, max: 16 }, Default::Int(1), "Number of instances"),
        Input::optional("deletion_protection", Type::Bool, Default::Bool(false), "Protects against deletion"),
        Input::optional(
            "backup_retention_days",
            Type::Int { min: 1, max: 35 },
            Default::Int(5),
            "Days that backups are kept",
        ),
        sql::FINAL_SNAPSHOT,
    ],
    wires: sql::WIRES,
    outputs: &[
        Output::exported("db_host", "Host name to connect to"),
        Output::exported("db_user", "Name of the master user"),
        sql::PASSWORD,
    ],
    grants: Grants::Secrets(&["db_user", "db_host", "db_password"]),
    needs: sql::NEEDS,
    names: sql::NAMES,
    check: Some(|check| generation(check, "instance_class", "db.t4g.medium or db.r6g.large")),
    missed: &[("multi_az", "set `instance_count` to 2 or more: instances spread over the zones")],
    ..Kind::BLANK
};
