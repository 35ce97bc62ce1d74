//! What the two Aurora kinds, `postgres` and `mysql`, have in common.

use super::shared::{generation, layer_module};
use crate::check::Check;
use crate::kind::{Default, Grants, Input, Letters, NameRule, Need, Output, Wire};
use crate::ty::{Pattern, Type};

const CLASS: Pattern = Pattern {
    regex: "^db\\.(serverless|[a-z0-9-]+\\.[a-z0-9-]+)$",
    what: "a database class",
    example: "db.t4g.medium",
};

pub(crate) const NAME: Pattern = Pattern {
    regex: "^[A-Za-z][A-Za-z0-9_]{0,62}$",
    what: "a database name (a letter, then letters, digits and _)",
    example: "app",
};

pub(crate) const INSTANCE_CLASS: Input = Input::optional(
    "instance_class",
    Type::Pattern(&CLASS),
    Default::Text("db.t4g.medium"),
    "Machine type of the instances",
);
pub(crate) const MULTI_AZ: Input =
    Input::optional("multi_az", Type::Bool, Default::Bool(false), "A second instance in another zone takes over");
pub(crate) const SAFETY: Input =
    Input::optional("safety", Type::Bool, Default::Bool(false), "Protects the database against deletion");
pub(crate) const BACKUP_DAYS: Input = Input::optional(
    "backup_retention_days",
    Type::Int { min: 1, max: 35 },
    Default::Int(7),
    "Days that backups are kept",
);
pub(crate) const FINAL_SNAPSHOT: Input = Input::optional(
    "final_snapshot",
    Type::Bool,
    Default::Bool(true),
    "Takes a last snapshot before the database is deleted",
);

pub(crate) const USER: Output = Output::local("db_user", "Name of the master user");
pub(crate) const PASSWORD: Output = Output::secret("db_password", "Password of the master user");
pub(crate) const HOST: Output = Output::local("db_host", "Host name to connect to");
pub(crate) const DATABASE: Output = Output::local("db_name", "Name of the database");

pub(crate) const GRANTS: Grants = Grants::Secrets(&["db_user", "db_name", "db_password", "db_host"]);
pub(crate) const NEEDS: &[Need] = &[Need::somewhere("base")];
pub(crate) const WIRES: &[Wire] = &[super::shared::KEY];

/// Instances have their number behind the name of the cluster.
pub(crate) const NAMES: &[NameRule] = &[NameRule {
    what: "database instance",
    limit: 63,
    letters: Letters::Identifier,
    name: |parts| layer_module(parts).map(|name| format!("{name}-0")),
    input: None,
}];

pub(crate) fn check(check: &mut Check<'_, '_>) {
    generation(check, "instance_class", "db.t4g.medium or db.r7g.large");
}
