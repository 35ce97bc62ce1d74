//! `dynamodb`: one table.

use super::shared::layer_module;
use crate::check::Check;
use crate::kind::{Default, Grants, Input, Kind, Letters, NameRule, Output};
use crate::ty::{Enum, Type};

const KEY_TYPE: Enum = Enum { words: &["S", "N", "B"], former: &[] };
const BILLING: Enum = Enum { words: &["PROVISIONED", "PAY_PER_REQUEST"], former: &[] };
const CAPACITY: Type = Type::Int { min: 1, max: 1_000_000 };

const ATTRIBUTE: &[Input] = &[
    Input::required("name", Type::NonEmpty, "Name of the attribute"),
    Input::required("type", Type::Enum(&KEY_TYPE), "S for text, N for a number, B for bytes"),
];

pub(crate) const KIND: Kind = Kind {
    name: "dynamodb",
    type_names: &["aws-dynamodb", "dynamodb"],
    summary: "One table, encrypted with a key of its own, with point-in-time recovery",
    inputs: &[
        Input::required("hash_key", Type::NonEmpty, "Attribute that is the partition key"),
        Input::required(
            "attributes",
            Type::List { of: &Type::Object(ATTRIBUTE), min: 1, max: 2, distinct: false },
            "The attributes that are keys, with their types",
        ),
        Input::optional("range_key", Type::NonEmpty, Default::Null, "Attribute that is the sort key"),
        Input::optional("read_capacity", CAPACITY, Default::Int(20), "Provisioned reads per second"),
        Input::optional("write_capacity", CAPACITY, Default::Int(20), "Provisioned writes per second"),
        Input::optional(
            "billing_mode",
            Type::Enum(&BILLING),
            Default::Text("PROVISIONED"),
            "Pay for capacity or for requests",
        ),
    ],
    outputs: &[
        Output::exported("table_arn", "ARN of the table"),
        Output::exported("table_id", "Name of the table"),
        Output::exported("kms_arn", "ARN of its key"),
        Output::exported("kms_id", "Id of its key"),
    ],
    grants: Grants::Permissions { words: &["read", "write"], default: &["write"] },
    names: &[NameRule { what: "DynamoDB table", limit: 255, letters: Letters::Any, name: layer_module, input: None }],
    check: Some(check),
    ..Kind::BLANK
};

fn check(check: &mut Check<'_, '_>) {
    if ["hash_key", "range_key", "attributes"].iter().any(|input| check.is_unknown(input)) {
        return;
    }
    let keys: Vec<(&str, String)> = ["hash_key", "range_key"]
        .into_iter()
        .filter_map(|input| Some((input, check.text(input)?.to_owned())))
        .collect();
    if let [(_, hash), (range_input, range)] = keys.as_slice()
        && hash == range
    {
        check.error(range_input, "the sort key is the partition key", "name another attribute");
        return;
    }
    let names: Vec<String> = check
        .items("attributes")
        .iter()
        .map(|attribute| attribute["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    for (index, name) in names.iter().enumerate() {
        let path = format!("attributes[{index}].name");
        if names[..index].contains(name) {
            check.error(&path, format!("`{name}` stands in the list twice"), "remove one of the two");
        } else if !crate::check::is_unknown(name) && !keys.iter().any(|(_, key)| key == name) {
            let help = "list the keys only; other attributes need no declaration";
            check.error(&path, format!("`{name}` is neither hash_key nor range_key"), help);
        }
    }
    for (input, key) in &keys {
        if !names.iter().any(|name| name == key || crate::check::is_unknown(name)) {
            let help = format!("add `- {{name: {key}, type: S}}` to attributes");
            check.error(input, format!("`{key}` has no type"), help);
        }
    }
    if check.value("billing_mode") == "PAY_PER_REQUEST" {
        for input in ["read_capacity", "write_capacity"] {
            if check.is_given(input) {
                check.warn(input, format!("`{input}` has no effect with PAY_PER_REQUEST"), "remove it");
            }
        }
    }
}
