//! `mysql`: an Aurora MySQL cluster.

use super::sql;
use crate::kind::{Default, Input, Kind};
use crate::ty::{Pattern, Support, Type, Versions};

const VERSION: Versions = Versions {
    form: Pattern {
        regex: "^[5-9]\\.[0-9]\\.mysql_aurora\\.[0-9]+\\.[0-9]+\\.[0-9]+$",
        what: "an Aurora MySQL version",
        example: "8.0.mysql_aurora.3.10.1",
    },
    former: &[],
    support: |version| {
        if version.starts_with("5.") {
            Support::Gone("is past its end: AWS makes no new clusters of Aurora MySQL 2")
        } else {
            Support::Offered
        }
    },
    instead: "use \"8.0.mysql_aurora.3.10.1\"",
};

pub(crate) const KIND: Kind = Kind {
    name: "mysql",
    type_names: &["mysql", "aws-mysql"],
    summary: "Aurora MySQL: encrypted, in the private subnets, TLS only",
    inputs: &[
        Input::optional(
            "engine_version",
            Type::Version(&VERSION),
            Default::Text("8.0.mysql_aurora.3.10.1"),
            "Engine version",
        ),
        sql::INSTANCE_CLASS,
        sql::MULTI_AZ,
        sql::SAFETY,
        sql::BACKUP_DAYS,
        Input::optional("db_name", Type::Pattern(&sql::NAME), Default::Text("app"), "Database to make"),
        sql::FINAL_SNAPSHOT,
    ],
    wires: sql::WIRES,
    outputs: &[sql::USER, sql::PASSWORD, sql::HOST, sql::DATABASE],
    grants: sql::GRANTS,
    needs: sql::NEEDS,
    names: sql::NAMES,
    check: Some(sql::check),
    missed: &[("database_name", "MySQL has `db_name`")],
    ..Kind::BLANK
};
