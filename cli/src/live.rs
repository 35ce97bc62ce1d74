//! The part of the terminal that is drawn again and again while a deployment runs.

use std::io::Write as _;

/// Lines at the end of the terminal that are replaced by every drawing. The cursor is hidden while it exists.
#[derive(Debug, Default)]
pub struct Screen {
    drawn: usize,
    hidden: bool,
}

impl Screen {
    /// Replaces what was drawn.
    pub fn draw(&mut self, lines: &[String]) {
        let mut out = String::new();
        // Terminals that know synchronised output show the frame at once; others ignore the sequence.
        out.push_str("\u{1b}[?2026h");
        if !self.hidden {
            out.push_str("\u{1b}[?25l");
            self.hidden = true;
        }
        self.back(&mut out);
        for line in lines {
            out.push_str(line);
            out.push_str("\u{1b}[K\n");
        }
        out.push_str("\u{1b}[J\u{1b}[?2026l");
        self.drawn = lines.len();
        write(&out);
    }

    /// Removes what was drawn and shows the cursor again, so that other text can be written.
    pub fn clear(&mut self) {
        let mut out = String::new();
        self.back(&mut out);
        if self.drawn > 0 {
            out.push_str("\u{1b}[J");
        }
        if self.hidden {
            out.push_str("\u{1b}[?25h");
        }
        self.drawn = 0;
        self.hidden = false;
        write(&out);
    }

    /// Leaves what was drawn standing and shows the cursor again.
    pub fn leave(&mut self) {
        if self.hidden {
            write("\u{1b}[?25h");
        }
        self.drawn = 0;
        self.hidden = false;
    }

    fn back(&self, out: &mut String) {
        if self.drawn > 0 {
            out.push_str(&format!("\r\u{1b}[{}A", self.drawn));
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A terminal that cannot be written to has nobody in front of it: the command goes on all the same.
fn write(text: &str) {
    let mut err = std::io::stderr().lock();
    drop(err.write_all(text.as_bytes()).and_then(|()| err.flush()));
}
