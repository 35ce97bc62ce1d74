//! Types of inputs: what values they take, and how that is said.

use crate::kind::Input;

/// What values an input takes.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// Anything.
    Any,
    /// `true` or `false`.
    Bool,
    /// An integer within bounds.
    Int {
        /// Least.
        min: i64,
        /// Most.
        max: i64,
    },
    /// An integer within bounds, or the same as text of digits.
    IntOrText {
        /// Least.
        min: i64,
        /// Most.
        max: i64,
    },
    /// Text.
    Text,
    /// Text that is not empty.
    NonEmpty,
    /// Text of a form.
    Pattern(&'static Pattern),
    /// One of some words.
    Enum(&'static Enum),
    /// A version of something that AWS offers.
    Version(&'static Versions),
    /// An IPv4 range such as `10.0.0.0/16`.
    Cidr,
    /// A path relative to the layer file.
    Path,
    /// A list.
    List {
        /// Type of its items.
        of: &'static Type,
        /// Least number of items.
        min: usize,
        /// Most items.
        max: usize,
        /// Whether no item may stand in it twice.
        distinct: bool,
    },
    /// A mapping of free keys.
    Map(&'static Type),
    /// A mapping of known fields.
    Object(&'static [Input]),
    /// One of several types; the first that fits.
    Either(&'static [Type]),
    /// Links to other modules.
    Links,
}

/// A form of text.
#[derive(Debug)]
pub struct Pattern {
    /// Regular expression, anchored at both ends; also used in the JSON Schema.
    pub regex: &'static str,
    /// What it is, with article: `a VPC id`.
    pub what: &'static str,
    /// An example.
    pub example: &'static str,
}

/// A choice of words.
#[derive(Debug)]
pub struct Enum {
    /// The words.
    pub words: &'static [&'static str],
    /// Words of former times and what they are read as.
    pub former: &'static [(&'static str, &'static str)],
}

/// Versions of something that AWS offers. New ones come every few months, so any of the right form is taken; those
/// that are known to be gone are not.
#[derive(Debug)]
pub struct Versions {
    /// The form of a version.
    pub form: Pattern,
    /// Notations of former times and what they are read as.
    pub former: &'static [(&'static str, &'static str)],
    /// What is known about a version of the right form.
    pub support: fn(&str) -> Support,
    /// What to use instead of one that is gone.
    pub instead: &'static str,
}

/// What is known about a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// Nothing against it.
    Offered,
    /// It still runs; the text says what is wrong with it, to follow "VERSION …".
    Fading(&'static str),
    /// It cannot be made any more; the text says why, to follow "VERSION …".
    Gone(&'static str),
}

/// Regular expression of an IPv4 range.
pub(crate) const CIDR: &str = "^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\\.){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])/(3[0-2]|[12]?[0-9])$";
/// Regular expression of a relative path. That no part of it is `..` is checked beside it. It has one line: a key that
/// somebody put where the path of its file belongs has more.
pub(crate) const PATH: &str = r"^[^/\\~{\n][^\\\n]*$";

impl Type {
    /// A list of any length.
    pub(crate) const fn list(of: &'static Self) -> Self {
        Self::List { of, min: 0, max: usize::MAX, distinct: false }
    }

    /// A number of things, days or seconds: zero or more.
    pub(crate) const COUNT: Self = Self::Int { min: 0, max: i32::MAX as i64 };
    /// A port.
    pub(crate) const PORT: Self = Self::Int { min: 1, max: 65535 };
    /// A list of text.
    pub(crate) const TEXTS: Self = Self::list(&Self::Text);

    /// What it takes, in words that fit after "expected".
    pub fn describe(&self) -> String {
        match self {
            Self::Any => "any value".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Int { min, max } => format!("an integer{}", bounds(*min, *max)),
            Self::IntOrText { min, max } => format!("an integer or digits in quotes{}", bounds(*min, *max)),
            Self::Text | Self::NonEmpty => "a string".to_owned(),
            Self::Version(versions) => format!("{} such as `{}`", versions.form.what, versions.form.example),
            Self::Pattern(pattern) => format!("{} such as `{}`", pattern.what, pattern.example),
            Self::Enum(choice) => one_of(choice.words),
            Self::Cidr => "an IPv4 range such as `10.0.0.0/16`".to_owned(),
            Self::Path => "a path relative to this file".to_owned(),
            Self::List { of, .. } => format!("a list, each item {}", of.describe()),
            Self::Map(of) => format!("a mapping, each value {}", of.describe()),
            Self::Object(fields) => {
                format!(
                    "a mapping with {}",
                    fields.iter().map(|field| format!("`{}`", field.name)).collect::<Vec<_>>().join(", ")
                )
            }
            Self::Either(types) => types.iter().map(Self::describe).collect::<Vec<_>>().join(", or "),
            Self::Links => "a list of module names, each with permissions where wanted".to_owned(),
        }
    }
}

/// `a`, `b` or `c`.
pub(crate) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

fn bounds(min: i64, max: i64) -> String {
    match (min, max) {
        (0, max) if max >= i64::from(i32::MAX) => " of at least 0".to_owned(),
        (i64::MIN, i64::MAX) => String::new(),
        (min, max) if max >= i64::from(i32::MAX) => format!(" of at least {min}"),
        (min, max) => format!(" from {min} to {max}"),
    }
}
