//! The optional top-level key `landfall` of a layer file: settings of its deployments.

use crate::kind::{Default, Input};
use crate::ty::{Enum, Pattern, Type};

const WHEN: Enum = Enum { words: &["risky", "always", "never"], former: &[] };

const LOOKS: Enum = Enum { words: &["daily", "off"], former: &[] };

const ON_FAILURE: Enum = Enum { words: &["hold", "rollback"], former: &[] };

/// A moment in UTC, to the second, or the beginning of a day.
pub(crate) const MOMENT: Pattern = Pattern {
    regex: "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?Z)?$",
    what: "a date, or a moment in UTC",
    example: "2026-12-24T18:00Z",
};

const APPROVAL: &[Input] = &[
    Input::optional(
        "when",
        Type::Enum(&WHEN),
        Default::Text("risky"),
        "Which changes wait for an approval; a destroy always does",
    ),
    Input::optional(
        "separate",
        Type::Bool,
        Default::Bool(false),
        "Whether somebody else has to approve than the one who asked for the deployment",
    ),
    Input::optional(
        "expires_days",
        Type::Int { min: 1, max: 7 },
        Default::Int(7),
        "Days after which a plan that nobody approved is given up",
    ),
];

const DRIFT: &[Input] =
    &[Input::required("every_hours", Type::Int { min: 1, max: 168 }, "Hours between two looks for drift")];

const WINDOW: &[Input] = &[
    Input::required("from", Type::Pattern(&MOMENT), "When it begins, in UTC"),
    Input::required("until", Type::Pattern(&MOMENT), "When it ends, in UTC"),
    Input::optional("reason", Type::NonEmpty, Default::Null, "Why; shown where a deployment waits for its end"),
];

/// What may stand under `landfall`.
pub(crate) const SETTINGS: &[Input] = &[
    Input::optional(
        "approval",
        Type::Either(&[Type::Enum(&WHEN), Type::Object(APPROVAL)]),
        Default::Text("risky"),
        "Which changes wait for an approval, and who may give it",
    ),
    Input::optional(
        "drift",
        Type::Either(&[Type::Enum(&LOOKS), Type::Object(DRIFT)]),
        Default::Text("daily"),
        "How often what is deployed is compared with its config by itself",
    ),
    Input::optional(
        "freeze",
        Type::List { of: &Type::Object(WINDOW), min: 0, max: 20, distinct: false },
        Default::Null,
        "Times in which no deployment of the layer begins; for an environment also none of its services",
    ),
    Input::optional(
        "on_failure",
        Type::Enum(&ON_FAILURE),
        Default::Text("hold"),
        "What follows a deployment that failed: what exists is held, or the layer is brought back to what was deployed \
         last; what stores data is never deleted by that",
    ),
];
