//! `mongodb-atlas`: a MongoDB cluster at MongoDB Atlas.

use crate::kind::{Default, Grants, Input, Kind, Output, Wire};
use crate::ty::{Pattern, Support, Type, Versions};

const VERSION: Versions = Versions {
    form: Pattern { regex: "^[0-9]\\.[0-9]$", what: "a MongoDB version", example: "8.0" },
    former: &[],
    support: |version| match version.split('.').next().and_then(|major| major.parse::<u32>().ok()) {
        Some(..=4) => Support::Gone("is past its end: Atlas makes no new clusters of it"),
        Some(5) => Support::Fading("is past its end and upgraded by Atlas"),
        _ => Support::Offered,
    },
    instead: "use \"8.0\"",
};

const REGION: Pattern =
    Pattern { regex: "^[A-Za-z]{2}([-_][A-Za-z]+)+[-_][0-9]$", what: "a region", example: "US_EAST_1" };

pub(crate) const KIND: Kind = Kind {
    name: "mongodb-atlas",
    type_names: &["mongodb-atlas"],
    summary: "MongoDB cluster at MongoDB Atlas that this environment can reach",
    inputs: &[
        Input::required("region", Type::Pattern(&REGION), "Region of the cluster, as Atlas names it"),
        Input::required("mongodb_instance_size", Type::NonEmpty, "Machine size, for example M10"),
        Input::required("mongodb_atlas_project_id", Type::NonEmpty, "Id of the Atlas project"),
        Input::optional("mongodbversion", Type::Version(&VERSION), Default::Text("8.0"), "MongoDB version"),
        Input::optional("database_name", Type::NonEmpty, Default::Text("mongodb_database"), "Name of the database"),
    ],
    wires: &[Wire::anywhere("public_nat_ips", "base", "public_nat_ips")],
    outputs: &[
        Output::local("db_user", "Name of the user"),
        Output::secret("db_password", "Password of the user"),
        Output::secret("mongodb_atlas_connection_string", "Connection string"),
    ],
    grants: Grants::Secrets(&["db_user", "db_password", "mongodb_atlas_connection_string"]),
    missed: &[
        ("mongo_instance_size", "it is `mongodb_instance_size`"),
        ("cloud_provider", "it is always AWS"),
        ("public_nat_ips", "they come from the base module"),
    ],
    ..Kind::BLANK
};
