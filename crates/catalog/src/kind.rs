//! What a module kind is, as data: inputs, outputs, what it is wired to, what links to it grant, its names.

use serde_json::{Map, Value};

use crate::check::Check;
use crate::ty::Type;

/// A kind of module.
#[derive(Debug)]
pub struct Kind {
    /// Name: kebab case, the folder of its function.
    pub name: &'static str,
    /// What may stand in `type`, canonical name first.
    pub type_names: &'static [&'static str],
    /// Where it may be used.
    pub place: Place,
    /// Whether a file may hold one only.
    pub unique: bool,
    /// One sentence for documents and editors.
    pub summary: &'static str,
    /// What a user may set.
    pub inputs: &'static [Input],
    /// What is filled in from other modules.
    pub wires: &'static [Wire],
    /// What it gives to others.
    pub outputs: &'static [Output],
    /// Whether it has outputs that only its configuration knows.
    pub open_outputs: bool,
    /// What a link to it grants.
    pub grants: Grants,
    /// Which links it may hold.
    pub holds: Holds,
    /// Kinds that have to come before it.
    pub needs: &'static [Need],
    /// Names of its resources that have a limit.
    pub names: &'static [NameRule],
    /// What has to hold between inputs, beyond their types.
    pub check: Option<fn(&mut Check<'_, '_>)>,
    /// Files that its inputs refer to in a way that types do not show.
    pub files: Option<FilesOf>,
    /// Fields that people look for and that do not exist, with what to do instead.
    pub missed: &'static [(&'static str, &'static str)],
}

/// Paths, relative to the layer file, that complete inputs refer to.
pub type FilesOf = fn(&Map<String, Value>) -> Vec<String>;

impl Kind {
    /// A kind without anything, to start a definition from.
    pub(crate) const BLANK: Self = Self {
        name: "",
        type_names: &[],
        place: Place::Anywhere,
        unique: false,
        summary: "",
        inputs: &[],
        wires: &[],
        outputs: &[],
        open_outputs: false,
        grants: Grants::Nothing,
        holds: Holds::Nothing,
        needs: &[],
        names: &[],
        check: None,
        files: None,
        missed: &[],
    };

    /// The input of that name.
    pub fn input(&self, name: &str) -> Option<&'static Input> {
        self.inputs.iter().find(|input| input.name == name)
    }

    /// The output of that name.
    pub fn output(&self, name: &str) -> Option<&'static Output> {
        self.outputs.iter().find(|output| output.name == name)
    }
}

/// Where a kind may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In environments and in services.
    Anywhere,
    /// In environments only.
    Environment,
}

/// Something that a user may set: an input of a kind, or a field of a structured input.
#[derive(Debug)]
pub struct Input {
    /// Name.
    pub name: &'static str,
    /// What values it takes.
    pub ty: Type,
    /// Whether it has to be given.
    pub required: bool,
    /// What is used when it is not given.
    pub default: Default,
    /// What it does.
    pub doc: &'static str,
    /// What to do instead, for one that is understood and should not be used any more.
    pub deprecated: Option<&'static str>,
}

impl Input {
    /// An input that has to be given.
    pub(crate) const fn required(name: &'static str, ty: Type, doc: &'static str) -> Self {
        Self { name, ty, required: true, default: Default::Null, doc, deprecated: None }
    }

    /// An input that may be left out.
    pub(crate) const fn optional(name: &'static str, ty: Type, default: Default, doc: &'static str) -> Self {
        Self { name, ty, required: false, default, doc, deprecated: None }
    }

    /// One that should not be used any more, and what to do instead.
    pub(crate) const fn deprecated(mut self, instead: &'static str) -> Self {
        self.deprecated = Some(instead);
        self
    }
}

/// The value of an input that is not given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Default {
    /// None.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Text.
    Text(&'static str),
    /// A list of texts.
    Texts(&'static [&'static str]),
    /// An empty mapping.
    EmptyMap,
}

impl Default {
    /// The value as JSON.
    pub fn to_json(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::from(value),
            Self::Text(text) => Value::from(text),
            Self::Texts(texts) => texts.iter().copied().map(Value::from).collect(),
            Self::EmptyMap => Value::Object(Map::new()),
        }
    }
}

/// An input that is filled in from an output of another module.
#[derive(Debug)]
pub struct Wire {
    /// Name of the input.
    pub name: &'static str,
    /// Kind of the other module.
    pub kind: &'static str,
    /// Its output.
    pub output: &'static str,
    /// When it is filled in.
    pub when: When,
}

impl Wire {
    /// From a module of the same file, or else of the environment.
    pub(crate) const fn anywhere(name: &'static str, kind: &'static str, output: &'static str) -> Self {
        Self { name, kind, output, when: When::Anywhere }
    }

    /// From a module of the same file.
    pub(crate) const fn same_file(name: &'static str, kind: &'static str, output: &'static str) -> Self {
        Self { name, kind, output, when: When::SameFile }
    }

    /// From the dns module of the same file.
    pub(crate) const fn dns(name: &'static str, output: &'static str, when: When) -> Self {
        Self { name, kind: "dns", output, when }
    }
}

/// When a wire is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The other module is in the same file, or else in the environment.
    Anywhere,
    /// The other module is in the same file.
    SameFile,
    /// The dns module of the same file is linked to this module, or to none.
    DomainIsFree,
    /// The dns module of the same file is linked to this module.
    DomainIsOurs,
}

/// Something that a module gives to others.
#[derive(Debug)]
pub struct Output {
    /// Name.
    pub name: &'static str,
    /// Whether services see it as `{parent.NAME}` when the module is in their environment.
    pub exported: bool,
    /// Whether it is secret: only links hand it out.
    pub secret: bool,
    /// What it is.
    pub doc: &'static str,
}

impl Output {
    /// An output that services see.
    pub(crate) const fn exported(name: &'static str, doc: &'static str) -> Self {
        Self { name, exported: true, secret: false, doc }
    }

    /// An output for modules of the same file.
    pub(crate) const fn local(name: &'static str, doc: &'static str) -> Self {
        Self { name, exported: false, secret: false, doc }
    }

    /// A secret.
    pub(crate) const fn secret(name: &'static str, doc: &'static str) -> Self {
        Self { name, exported: false, secret: true, doc }
    }
}

/// What a link to a module of a kind grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grants {
    /// It cannot be linked to.
    Nothing,
    /// Outputs that reach the holder as environment variables from a Kubernetes secret.
    Secrets(&'static [&'static str]),
    /// IAM permissions.
    Permissions {
        /// Words that may be asked for.
        words: &'static [&'static str],
        /// Words that are granted when none is asked for.
        default: &'static [&'static str],
    },
}

/// Which links a kind may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// None.
    Nothing,
    /// Links that grant permissions.
    Permissions,
    /// Links that grant permissions or secrets.
    PermissionsAndSecrets,
    /// At most one link, to a module of one of these kinds; it names the origin of content.
    Origin(&'static [&'static str]),
}

/// A kind that has to come before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The kind.
    pub kind: &'static str,
    /// Where it has to be.
    pub presence: Presence,
}

impl Need {
    /// It has to be in the same file.
    pub(crate) const fn same_file(kind: &'static str) -> Self {
        Self { kind, presence: Presence::SameFile }
    }

    /// It has to be in the same file or in the environment.
    pub(crate) const fn somewhere(kind: &'static str) -> Self {
        Self { kind, presence: Presence::FileOrEnvironment }
    }
}

/// Where a needed kind has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Nowhere; when it is in the same file it comes first.
    Optional,
    /// In the same file.
    SameFile,
    /// In the same file or in the environment.
    FileOrEnvironment,
}

/// A name that is built from names of the file, and the limit AWS or Kubernetes sets to it.
#[derive(Debug)]
pub struct NameRule {
    /// What has the name, for example `S3 bucket`.
    pub what: &'static str,
    /// Most characters.
    pub limit: usize,
    /// Which characters.
    pub letters: Letters,
    /// The name for given inputs; parts that are known later are as long as they will be. None when the resource is
    /// not made.
    pub name: fn(&NameParts<'_>) -> Option<String>,
    /// Input that the user would change; the module's or layer's name when absent.
    pub input: Option<&'static str>,
}

/// Which characters a name may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Letters {
    /// Everything that layer and module names may hold.
    Any,
    /// As `Any`, for names that IAM does not tell apart by upper and lower case
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
    Iam,
    /// Lower case letters, digits and dashes; no dash at the ends.
    Lower,
    /// As `Lower`, and no two dashes in a row, and a letter first.
    Identifier,
    /// The rules of S3 bucket names, which no two buckets share.
    Bucket,
}

/// What names are built from.
#[derive(Debug)]
pub struct NameParts<'a> {
    /// Name of the environment.
    pub environment: &'a str,
    /// Name of the layer.
    pub layer: &'a str,
    /// Name of the module.
    pub module: &'a str,
    /// Inputs of the module.
    pub inputs: &'a Map<String, Value>,
}

impl NameParts<'_> {
    /// Whether an input is set to true.
    pub fn is(&self, input: &str) -> bool {
        self.inputs.get(input) == Some(&Value::Bool(true))
    }

    /// The text of an input, where it is known and not empty.
    pub fn text(&self, input: &str) -> Option<&str> {
        self.inputs.get(input).and_then(Value::as_str).filter(|text| !text.is_empty() && !text.contains("${landfall:"))
    }
}
