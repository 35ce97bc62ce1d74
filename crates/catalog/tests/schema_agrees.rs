//! The JSON Schema and the parser say the same of generated files, right and wrong ones. What the parser alone can
//! know (rules between fields, modules and files) is listed here and nowhere else.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::LazyLock;

use landfall_catalog::{Input, Kind, Place, Type, kinds, schema};
use landfall_config::{File, Limits, Severity, Source, classify};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use serde_json::{Map, Value, json};

/// Codes of diagnostics that the schema cannot express, and why.
const PARSER_ONLY: [(&str, &str); 17] = [
    ("wrong-place", "a kind that belongs into the other kind of file"),
    ("second-module", "a kind of which a file may hold one"),
    ("duplicate-module", "names are unique over the whole file"),
    ("duplicate-name", "names of resources are unique over the whole file, or further"),
    ("invalid-freeze", "days that exist, windows that end after they begin"),
    ("missing-module", "a kind that needs another module"),
    ("invalid-module", "rules between the inputs of a module"),
    ("invalid-link", "what is linked to decides what a link may say"),
    ("invalid-name", "names of resources are built from several names"),
    ("unknown-reference", "what a reference leads to"),
    ("unknown-dependency", "depends_on names other modules"),
    ("circle", "modules that need each other"),
    ("gone-version", "versions that AWS has ended"),
    ("duplicate-environment", "labels are unique over the list"),
    ("duplicate-variable", "names are unique over the list"),
    ("conflicting-variable", "vars and variables of one entry"),
    ("variable-without-value", "defaults and the values of every environment"),
];

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| jsonschema::validator_for(&schema()).unwrap());

/// Errors of the parser as code and text. The file is checked without its environment.
fn errors(file: &Value) -> Vec<(String, String)> {
    let text = serde_json::to_string_pretty(file).unwrap();
    let found = match Source::from_bytes("app.yaml", text.as_bytes(), &Limits::default())
        .and_then(|source| classify(&source).map(|file| (source, file)))
    {
        Err(diagnostics) => diagnostics.into_items(),
        Ok((_, File::Support)) => panic!("this is no layer: {text}"),
        Ok(_) => match support::resolved_with("app.yaml", &text, &support::Around::default()) {
            Ok(_) => Vec::new(),
            Err(diagnostics) => diagnostics.into_items(),
        },
    };
    found
        .into_iter()
        .filter(|item| item.severity == Severity::Error)
        .map(|item| (item.code.to_string(), item.to_string()))
        .collect()
}

fn agree(file: &Value) -> Result<(), TestCaseError> {
    let errors = errors(file);
    let wrong: Vec<String> =
        SCHEMA.iter_errors(file).map(|error| format!("{}: {error}", error.instance_path())).collect();
    if wrong.is_empty() {
        let beyond: Vec<_> =
            errors.iter().filter(|(code, _)| !PARSER_ONLY.iter().any(|(known, _)| known == code)).collect();
        prop_assert!(beyond.is_empty(), "the schema accepts what the parser refuses: {:#?}\n{:#}", beyond, file);
    } else {
        prop_assert!(!errors.is_empty(), "the parser accepts what the schema refuses: {:#?}\n{:#}", wrong, file);
    }
    Ok(())
}

/// References that lead somewhere without an environment, and forms of text around them.
fn reference() -> BoxedStrategy<Value> {
    select(
        &[
            "{parent.vpc_id}",
            "{parent.cert_arn}",
            "{env}",
            "x-{parent.domain}",
            "{{{env}}}",
            "${{module.other.queue_arn}}",
            "${{ module.other.queue_id }}/x",
            "{module.other.queue_arn}",
        ][..],
    )
    .prop_map(Value::from)
    .boxed()
}

/// Anything at all, also text with braces that mean nothing.
fn anything() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5_i64..70_000).prop_map(Value::from),
        Just(json!(1.5)),
        Just(json!(80.0)),
        "[ -~é\n]{0,12}".prop_map(Value::from),
        "[{}$a-c.]{1,8}".prop_map(Value::from),
        "[0-9]{1,5}".prop_map(Value::from),
        reference(),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,6}", inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
    .boxed()
}

/// Values of a type, most of them right.
fn value(ty: &'static Type) -> BoxedStrategy<Value> {
    let right: BoxedStrategy<Value> = match ty {
        Type::Any => anything(),
        Type::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Type::Int { min, max } => near(*min, *max),
        Type::IntOrText { min, max } => (near(*min, *max), any::<bool>())
            .prop_map(|(n, quoted)| if quoted { json!(n.to_string()) } else { n })
            .boxed(),
        Type::Text | Type::NonEmpty => "[a-zA-Z0-9./:-]{0,12}".prop_map(Value::from).boxed(),
        Type::Pattern(pattern) => prop_oneof![
            Just(Value::from(pattern.example)),
            "[a-z0-9.-]{1,12}".prop_map(Value::from),
            proptest::string::string_regex(pattern.regex.trim_start_matches('^').trim_end_matches('$'))
                .unwrap()
                .prop_map(Value::from),
        ]
        .boxed(),
        Type::Version(versions) => {
            let former = versions.former.iter().map(|(old, _)| *old);
            let known: Vec<&str> = former.chain([versions.form.example, "1.21", "5.0", "nodejs14.x"]).collect();
            select(known).prop_map(Value::from).boxed()
        }
        Type::Enum(choice) => {
            let words: Vec<&str> =
                choice.words.iter().copied().chain(choice.former.iter().map(|(old, _)| *old)).collect();
            select(words).prop_map(Value::from).boxed()
        }
        Type::Cidr => {
            (0..300_u32, 0..300_u32, 0..40_u32).prop_map(|(a, b, n)| json!(format!("{a}.{b}.0.0/{n}"))).boxed()
        }
        Type::Path => {
            prop_oneof![4 => "[a-z]{1,5}/[a-z]{1,6}".prop_map(Value::from), 1 => "[a-z./\n]{1,10}".prop_map(Value::from), 1 => select(&["../up", "a/../b", "a/.."][..]).prop_map(Value::from)].boxed()
        }
        Type::List { of, max, .. } => prop::collection::vec(value(of), 0..=(*max).min(4)).prop_map(Value::from).boxed(),
        Type::Map(of) => prop::collection::btree_map("[a-z]{1,4}", value(of), 0..3).prop_map(|map| json!(map)).boxed(),
        Type::Object(fields) => fields_of(fields),
        Type::Either(types) => Union::new(types.iter().map(value)).boxed(),
        Type::Links => prop::collection::vec(link(), 0..3).prop_map(Value::from).boxed(),
    };
    prop_oneof![8 => right, 1 => anything(), 1 => reference()].boxed()
}

fn near(min: i64, max: i64) -> BoxedStrategy<Value> {
    prop_oneof![(min..=max), (min - 2..=min + 2), (max - 2..=max + 2)].prop_map(Value::from).boxed()
}

fn link() -> BoxedStrategy<Value> {
    let grant = prop_oneof![Just(json!("publish")), Just(json!("read")), Just(json!({"db_host": "H"})), anything()];
    let grants = prop_oneof![prop::collection::vec(grant, 0..3).prop_map(Value::from), Just(Value::Null), anything()];
    prop_oneof![
        Just(json!("other")),
        grants.prop_map(|grants| json!({"other": grants})),
        Just(json!({"other": [], "second": []})),
        anything(),
    ]
    .boxed()
}

/// Each field mostly given when it has to be, sometimes otherwise; rarely one that does not exist.
fn fields_of(fields: &'static [Input]) -> BoxedStrategy<Value> {
    let given: Vec<BoxedStrategy<Option<(String, Value)>>> = fields
        .iter()
        .map(|field| {
            let weight = if field.required { 0.95 } else { 0.12 };
            prop::option::weighted(weight, value(&field.ty))
                .prop_map(move |value| value.map(|value| (field.name.to_owned(), value)))
                .boxed()
        })
        .collect();
    let strange = prop::option::weighted(0.03, "[a-z_]{1,9}".prop_map(|key| (key, json!(1))));
    (given, strange)
        .prop_map(|(given, strange)| {
            let map: Map<String, Value> = given.into_iter().chain([strange]).flatten().collect();
            Value::Object(map)
        })
        .boxed()
}

fn module(kind: &'static Kind) -> BoxedStrategy<Value> {
    let names = prop_oneof![8 => Just(json!("it")), 1 => Just(Value::Null), 1 => anything()];
    let own = (select(kind.type_names), prop::option::weighted(0.8, names));
    let depends_on = prop::option::weighted(0.1, prop_oneof![Just(json!(["other"])), Just(Value::Null), anything()]);
    (own, depends_on, fields_of(kind.inputs))
        .prop_map(|((ty, name), depends_on, mut module)| {
            module["type"] = json!(ty);
            for (key, value) in [("name", name), ("depends_on", depends_on)] {
                if let Some(value) = value {
                    module[key] = value;
                }
            }
            module
        })
        .boxed()
}

/// A file with the module and a queue that it can refer to.
fn file_of(kind: &Kind, module: &Value) -> Value {
    let modules = json!([{"type": "sqs", "name": "other"}, module]);
    match kind.place {
        // References to an environment have no place in one: the kinds of environments are checked in a service, and
        // that this is the wrong place is one of the codes above.
        Place::Anywhere | Place::Environment => {
            json!({"name": "app", "environments": [{"name": "e", "path": "p"}], "modules": modules})
        }
    }
}

#[test]
fn the_schema_agrees_with_the_parser_on_every_kind() {
    let mut failures = Vec::new();
    for kind in kinds() {
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
            cases: 150,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let accepted = std::cell::Cell::new(0);
        let outcome = runner.run(&module(kind), |module| {
            let file = file_of(kind, &module);
            accepted.set(accepted.get() + usize::from(SCHEMA.is_valid(&file)));
            agree(&file)
        });
        match outcome {
            Err(error) => failures.push(format!("{}: {error}", kind.name)),
            Ok(()) if accepted.get() <= 5 => {
                failures.push(format!(
                    "{}: only {} of 150 files were right: that proves little",
                    kind.name,
                    accepted.get()
                ));
            }
            Ok(()) => {}
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn envelope() -> BoxedStrategy<Value> {
    let text = |right: &'static str| prop_oneof![6 => Just(json!(right)), 1 => "[A-Za-z0-9-]{0,17}".prop_map(Value::from), 1 => anything()];
    let account = prop_oneof![4 => "[0-9]{1,14}".prop_map(Value::from), 2 => (0_i64..10_000_000_000_000).prop_map(Value::from), 1 => anything()];
    let aws = (text("eu-west-1"), account, prop::option::weighted(0.1, anything()))
        .prop_map(|(region, account, more)| with(json!({"region": region, "account_id": account}), "extra", more));
    let providers = prop_oneof![6 => aws.prop_map(|aws| json!({"aws": aws})), 1 => anything()];
    let variables = prop_oneof![
        2 => prop::collection::btree_map("[a-z]{1,3}", anything(), 0..3).prop_map(|map| json!(map)),
        1 => anything(),
    ];
    let entry =
        (text("e"), text("p"), prop::option::weighted(0.4, variables.clone()), prop::option::weighted(0.2, variables))
            .prop_map(|(name, path, one, other)| {
                with(with(json!({"name": name, "path": path}), "variables", one), "vars", other)
            });
    let entries = prop_oneof![6 => prop::collection::vec(entry, 0..3).prop_map(Value::from), 1 => anything()];
    let declared = (text("size"), prop::option::of(anything()))
        .prop_map(|(name, default)| with(json!({"name": name}), "default", default));
    let declared = prop_oneof![4 => prop::collection::vec(declared, 0..3).prop_map(Value::from), 1 => anything()];
    let settings = prop_oneof![3 => Just(json!({"approval": "always"})), 1 => anything()];
    let modules = prop_oneof![6 => Just(json!([{"type": "sqs"}])), 1 => Just(json!([])), 1 => anything()];
    let weighted = |weight, strategy: BoxedStrategy<Value>| prop::option::weighted(weight, strategy);
    (any::<bool>(), 0..12_u8)
        .prop_flat_map(move |(is_service, slip)| {
            let service = is_service != (slip == 0);
            let yes = |wanted: bool| if wanted { 0.97 } else { 0.02 };
            (
                weighted(0.97, text("app").boxed()),
                weighted(yes(!is_service), text("acme").boxed()),
                weighted(yes(!service), providers.clone().boxed()),
                weighted(yes(is_service), entries.clone().boxed()),
                weighted(0.3, declared.clone().boxed()),
                weighted(0.2, settings.clone().boxed()),
                weighted(0.97, modules.clone().boxed()),
                weighted(0.03, anything()),
            )
        })
        .prop_map(|(name, org, providers, entries, declared, settings, modules, strange)| {
            let keys =
                ["name", "org_name", "providers", "environments", "input_variables", "landfall", "modules", "stranger"];
            let values = [name, org, providers, entries, declared, settings, modules, strange];
            keys.into_iter().zip(values).fold(json!({}), |file, (key, value)| with(file, key, value))
        })
        // Without any of these it is a support file and no layer.
        .prop_filter("declares a layer", |file| {
            ["modules", "providers", "environments"].iter().any(|key| file.get(key).is_some())
        })
        .boxed()
}

fn with(mut map: Value, key: &str, value: Option<Value>) -> Value {
    if let Some(value) = value {
        map[key] = value;
    }
    map
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_schema_agrees_with_the_parser_on_what_is_around_modules(file in envelope()) {
        agree(&file)?;
    }

    #[test]
    fn the_schema_agrees_with_the_parser_on_every_text(text in "[{}$ a.]{0,3}[{}$a-z._]{0,12}[{}$ ]{0,3}|[$]{0,3}[{]{0,4}(env|vars[.]x|module[.]other[.]queue_arn|parent[.]vpc_id)?[}]{0,4}") {
        let module = json!({"type": "custom-terraform", "name": "it", "source": "x", "terraform_inputs": {"a": text}});
        let file = json!({"name": "app", "environments": [{"name": "e", "path": "p"}], "modules": [module]});
        agree(&file)?;
    }
}

#[test]
fn files_of_every_kind_are_right_for_the_schema_too() {
    for text in [include_str!("layers/environment.yaml"), include_str!("layers/service.yaml")] {
        let source = Source::from_bytes("app.yaml", text.as_bytes(), &Limits::default()).unwrap();
        let mut report = landfall_config::Report::new(&source);
        let file = landfall_config::documents(&source, &mut report)[0].to_json();
        let errors: Vec<_> =
            SCHEMA.iter_errors(&file).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}
