//! Terminal colours of the rendered plan.

/// Whether text carries terminal colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Plain text.
    Plain,
    /// ANSI colours.
    Color,
}

/// What a piece of text means to the reader. The 16 basic colours only: they follow the terminal's own theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Names that head a section.
    Strong,
    /// What a reader may skip.
    Quiet,
    /// Something new.
    Create,
    /// Something that changes in place.
    Update,
    /// Something that is made again.
    Replace,
    /// Something that goes away, or danger.
    Delete,
    /// A remark.
    Remark,
}

impl Paint {
    /// The text in the colour of the tone.
    pub fn tone(self, tone: Tone, text: impl AsRef<str>) -> String {
        let text = text.as_ref();
        if self == Self::Plain || text.is_empty() {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Strong => "1",
            Tone::Quiet => "2",
            Tone::Create => "32",
            Tone::Update => "33",
            Tone::Replace => "35",
            Tone::Delete => "31",
            Tone::Remark => "36",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}
