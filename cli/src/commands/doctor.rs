//! `landfall doctor`: what was found, one line for each check, and what to do about it.

use landfall_bootstrap::VERSION;
use landfall_plan::Tone;
use serde_json::json;

use crate::account::Account;
use crate::args::{DoctorArgs, Place};
use crate::doctor::{Finding, State, examine};
use crate::error::{Exit, Failure};
use crate::ui::{Ui, counted};

/// Where what was found begins, behind the name of the check.
const INDENT: usize = 23;

/// Checks everything.
pub async fn run(ui: &Ui, place: &Place, args: &DoctorArgs) -> Result<Exit, Failure> {
    let account = Account::open(place).await?;
    let region = account.region.clone();
    let found = examine(account, place, args.deep).await;
    let exit = exit(&found.findings);
    if ui.json {
        ui.answer(&json!({
            "well": exit == Exit::Done,
            "version": VERSION,
            "stack": place.stack,
            "region": region,
            "account": found.account,
            "findings": found.findings,
            "deep": found.deep,
        }));
        return Ok(exit);
    }
    ui.line(format!("Landfall {VERSION}, stack {} in {region}", place.stack));
    let mut group = "";
    for finding in &found.findings {
        if finding.group != group {
            group = finding.group;
            ui.line(format!("\n{}", ui.tone(Tone::Strong, group)));
        }
        ui.line(line(ui, finding));
    }
    ui.line(format!("\n{}", verdict(ui, &found.findings)));
    Ok(exit)
}

fn exit(findings: &[Finding]) -> Exit {
    let any = |state| findings.iter().any(|finding| finding.state == state);
    match (any(State::Wrong), any(State::Unknown)) {
        (true, _) => Exit::Unwell,
        (false, true) => Exit::Unreachable,
        (false, false) => Exit::Done,
    }
}

fn line(ui: &Ui, finding: &Finding) -> String {
    let (sign, tone) = match finding.state {
        State::Ok => ("✓", Tone::Create),
        State::Warning => ("!", Tone::Update),
        State::Wrong => ("✗", Tone::Delete),
        State::Unknown => ("?", Tone::Update),
    };
    let what = ui.hanging(INDENT, &finding.what);
    // A name that fills its column has the text under it.
    let name = format!("{:width$}", finding.check, width = INDENT - 4);
    let gap =
        if finding.check.chars().count() > INDENT - 5 { format!("\n{}", " ".repeat(INDENT)) } else { String::new() };
    let mut text = format!("  {} {name}{gap}{what}", ui.tone(tone, sign));
    if let Some(todo) = finding.todo.as_ref().filter(|todo| !todo.is_empty()) {
        for todo in todo.lines() {
            // Commands are copied from the terminal, so they are not wrapped there.
            let todo = if todo.contains("--") { todo.to_owned() } else { ui.hanging(INDENT + 2, todo) };
            text.push_str(&format!("\n{}{} {todo}", " ".repeat(INDENT), ui.tone(Tone::Remark, "→")));
        }
    }
    text
}

fn verdict(ui: &Ui, findings: &[Finding]) -> String {
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let (wrong, unknown, warnings) = (count(State::Wrong), count(State::Unknown), count(State::Warning));
    let more = |number, text: &str| if number > 0 { format!(" {text}") } else { String::new() };
    let blind = more(unknown, &format!("{} could not be looked at.", counted(unknown, "check")));
    let noted = more(warnings, &format!("{} to note.", counted(warnings, "thing")));
    match (wrong, unknown) {
        (0, 0) => format!("{}{noted}", ui.tone(Tone::Create, "All is well.")),
        (0, _) => format!("{}{blind}{noted}", ui.tone(Tone::Update, "Nothing wrong was seen.")),
        (wrong, _) => {
            let said = format!("{} to set right.", counted(wrong, "thing"));
            format!("{}{blind}{noted}", ui.tone(Tone::Delete, said))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(state: State, todo: Option<&str>) -> Finding {
        let todo = todo.map(str::to_owned);
        Finding { group: "Events", check: "rule Sweep".into(), state, what: "the rule is off".into(), todo }
    }

    #[test]
    fn the_end_says_whether_something_is_wrong_or_could_not_be_seen() {
        let found = |states: &[State]| states.iter().map(|state| finding(*state, None)).collect::<Vec<_>>();
        assert_eq!(exit(&found(&[State::Ok, State::Warning])), Exit::Done);
        assert_eq!(exit(&found(&[State::Ok, State::Unknown])), Exit::Unreachable);
        assert_eq!(exit(&found(&[State::Wrong, State::Unknown])), Exit::Unwell);
    }

    #[test]
    fn a_check_is_one_line_and_what_to_do_another() {
        let ui = Ui { width: 80, ..Ui::new(false, crate::ui::When::Never) };
        assert_eq!(line(&ui, &finding(State::Ok, None)), "  ✓ rule Sweep         the rule is off");
        let wrong = line(&ui, &finding(State::Wrong, Some("aws events enable-rule --name x")));
        assert_eq!(
            wrong,
            "  ✗ rule Sweep         the rule is off\n                       → aws events enable-rule --name x"
        );
        let all = [finding(State::Wrong, None), finding(State::Unknown, None), finding(State::Ok, None)];
        assert_eq!(verdict(&ui, &all), "1 thing to set right. 1 check could not be looked at.");
        assert_eq!(verdict(&ui, &all[2..]), "All is well.");
    }
}
