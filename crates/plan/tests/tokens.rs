//! Values known after apply, in any document.
#![allow(clippy::unwrap_used)]

use landfall_plan::{Token, resolve, tokens};
use proptest::prelude::*;
use serde_json::{Value, json};

fn token() -> impl Strategy<Value = Token> {
    prop_oneof![
        ("[a-z][a-z0-9-]{0,5}", "[a-z_]{1,5}(\\.[a-z]{1,3})?")
            .prop_map(|(resource, attribute)| Token::attribute(resource, attribute)),
        ("[a-z][a-z0-9-]{0,5}", "[a-z_]{1,5}").prop_map(|(module, output)| Token::output(module, output)),
    ]
}

/// Text around tokens, with everything that looks like one and is none.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        token().prop_map(|token| token.to_string()),
        "[ -~]{0,8}",
        Just("${landfall:".to_owned()),
        Just("${aws:username}".to_owned()),
        Just("}".to_owned()),
        Just("$".to_owned()),
        Just("ü🚢".to_owned()),
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![text().prop_map(Value::String), Just(Value::Null), any::<i32>().prop_map(|n| json!(n))];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(text(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_token_is_read_back_as_it_was_written(token in token(), before in "[a-z$ ]{0,3}", after in "[a-z}]{0,3}") {
        let whole = json!(token.to_string());
        prop_assert_eq!(tokens(&whole), vec![token.clone()]);
        prop_assert_eq!(tokens(&json!(format!("{before}{token}{after}"))), vec![token]);
    }

    #[test]
    fn what_nobody_knows_stays_and_is_named(document in document()) {
        let seen = resolve(&document, &|_| None);
        prop_assert_eq!(&seen.value, &document);
        prop_assert_eq!(seen.unknown, tokens(&document));
    }

    #[test]
    fn once_everything_is_known_no_token_is_left(document in document()) {
        let seen = resolve(&document, &|_| Some(json!("known")));
        prop_assert!(seen.unknown.is_empty());
        prop_assert_eq!(resolve(&seen.value, &|_| Some(json!("other"))).value == seen.value, tokens(&seen.value).is_empty());
    }

    #[test]
    fn what_is_filled_in_is_not_read_again(token in token(), inner in token()) {
        let looked_up = json!(inner.to_string());
        let text = json!(format!("a {token} b"));
        let seen = resolve(&text, &|asked| (*asked == token).then(|| looked_up.clone()));
        prop_assert_eq!(seen.value, json!(format!("a {inner} b")));
        prop_assert!(seen.unknown.is_empty());
    }

    #[test]
    fn a_value_alone_keeps_its_type_and_inside_text_it_is_written_out(token in token(), number in any::<i32>()) {
        let seen = |text: String| resolve(&json!(text), &|_| Some(json!(number))).value;
        prop_assert_eq!(seen(token.to_string()), json!(number));
        prop_assert_eq!(seen(format!("{token}.")), json!(format!("{number}.")));
    }
}
