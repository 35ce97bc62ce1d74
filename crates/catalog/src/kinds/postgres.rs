//! `postgres`: an Aurora PostgreSQL cluster.

use super::shared::{ARN, excludes};
use super::sql;
use crate::kind::{Default, Input, Kind, Output};
use crate::ty::{Pattern, Support, Type, Versions};

const VERSION: Versions = Versions {
    form: Pattern { regex: "^[0-9]{1,2}(\\.[0-9]{1,2})?$", what: "an Aurora PostgreSQL version", example: "17.7" },
    former: &[],
    support,
    instead: "use \"17.7\"",
};

fn support(version: &str) -> Support {
    match version.split('.').next().and_then(|major| major.parse::<u32>().ok()) {
        Some(..=11) => Support::Gone("is past its end: AWS makes no new clusters of it"),
        Some(..=13) => Support::Fading("is in extended support, which is charged per hour and core"),
        _ => Support::Offered,
    }
}

pub(crate) const KIND: Kind = Kind {
    name: "postgres",
    type_names: &["postgres", "aws-postgres"],
    summary: "Aurora PostgreSQL: encrypted, in the private subnets, TLS only",
    inputs: &[
        Input::optional("engine_version", Type::Version(&VERSION), Default::Text("17.7"), "Engine version"),
        sql::INSTANCE_CLASS,
        sql::MULTI_AZ,
        sql::SAFETY,
        sql::BACKUP_DAYS,
        Input::optional("database_name", Type::Pattern(&sql::NAME), Default::Text("app"), "Database to make"),
        Input::optional(
            "extra_security_groups_ids",
            Type::TEXTS,
            Default::Texts(&[]),
            "More security groups of the cluster",
        ),
        Input::optional(
            "create_global_database",
            Type::Bool,
            Default::Bool(false),
            "Makes a global database that clusters of other regions can join",
        ),
        Input::optional(
            "existing_global_database_id",
            Type::NonEmpty,
            Default::Null,
            "Global database to join as a reader, with the user and password of its primary",
        ),
        Input::optional(
            "restore_from_snapshot",
            Type::Pattern(&ARN),
            Default::Null,
            "Snapshot to start from, with the user and password it was taken with; removing it makes a new database",
        ),
        sql::FINAL_SNAPSHOT,
    ],
    wires: sql::WIRES,
    outputs: &[
        sql::USER,
        sql::PASSWORD,
        sql::HOST,
        sql::DATABASE,
        Output::exported("global_database_id", "Id of the global database"),
    ],
    grants: sql::GRANTS,
    needs: sql::NEEDS,
    names: sql::NAMES,
    check: Some(|check| {
        sql::check(check);
        let joined = "a cluster that joins a global database gets everything from it";
        excludes(
            check,
            "existing_global_database_id",
            &["database_name", "create_global_database", "restore_from_snapshot"],
            joined,
        );
    }),
    missed: &[("db_name", "PostgreSQL has `database_name`")],
    ..Kind::BLANK
};
