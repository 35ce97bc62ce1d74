//! `landfall approve` and `landfall reject`: decisions on the plan of a deployment that waits.

use landfall_plan::Tone;

use crate::api::{Detail, Layer, read};
use crate::args::{ApproveArgs, RejectArgs, Target};
use crate::client::{Client, layer_path};
use crate::error::{Exit, Failure};
use crate::follow::{Decider, Follow};
use crate::plan_view::Planned;
use crate::ui::Ui;

/// A hash is named by at least this many of its digits.
const DIGITS: usize = 6;

/// Approves.
pub async fn approve(ui: &Ui, client: &Client, args: &ApproveArgs) -> Result<Exit, Failure> {
    let waiting = waiting(client, &args.what).await?;
    let id = waiting.deployment.id();
    let hash = asked(&waiting);
    match &args.plan {
        Some(named) => named_plan(named, hash, &id)?,
        None if args.yes => {}
        None if ui.interactive => {
            let planned = Planned::read(&client.plan(&waiting.deployment.layer, waiting.deployment.number).await?)?;
            ui.line(planned.rendered(ui, args.full));
            let answer = ui.ask("\nApprove this plan? (yes/no)")?.to_lowercase();
            if !matches!(answer.as_str(), "y" | "yes") {
                ui.line(format!("Nothing was decided. To reject it: landfall reject {id} --reason WHY"));
                return Ok(Exit::NeedsApproval);
            }
        }
        None => {
            let what = format!("{id} has a plan that nobody here has seen");
            return Err(Failure::new(Exit::NeedsApproval, what)
                .with_hint(format!("name the plan that is approved: --plan {}; or --yes", short(hash))));
        }
    }
    decide(ui, client, &waiting, "approve", &args.reason).await?;
    if !args.follow {
        return Ok(Exit::Done);
    }
    let deployment = &waiting.deployment;
    let decider = if args.yes { Decider::Given } else { Decider::Person };
    let follow = Follow {
        ui,
        client,
        layer: &deployment.layer,
        number: deployment.number,
        decider,
        plan_seen: true,
        full: args.full,
    };
    follow.run().await
}

/// Rejects.
pub async fn reject(ui: &Ui, client: &Client, args: &RejectArgs) -> Result<Exit, Failure> {
    let waiting = waiting(client, &args.what).await?;
    decide(ui, client, &waiting, "reject", &args.reason).await?;
    Ok(Exit::Done)
}

async fn decide(ui: &Ui, client: &Client, waiting: &Detail, decision: &str, reason: &str) -> Result<(), Failure> {
    let deployment = &waiting.deployment;
    let answer =
        client.decide((&deployment.layer, deployment.number), asked(waiting), decision, reason).await.map_err(
            |failure| failure.with_hint_if_none(format!("look at it again: landfall status {}", deployment.id())),
        )?;
    if ui.json {
        ui.answer(&answer);
    } else if decision == "approve" {
        ui.line(format!("{} {} is approved and goes on.", ui.tone(Tone::Create, "✓"), deployment.id()));
    } else {
        ui.line(format!("{} {} is rejected; nothing is changed.", ui.tone(Tone::Update, "⊘"), deployment.id()));
    }
    Ok(())
}

/// The named deployment, or the one that runs, if it waits for an approval.
async fn waiting(client: &Client, what: &Target) -> Result<Detail, Failure> {
    let layer = &what.layer;
    let number = match what.number {
        Some(number) => Some(number),
        None => match client.get(&layer_path(layer)).await {
            Ok(answer) => read::<Layer>(&answer)?.running,
            Err(failure) if failure.exit == Exit::NotFound => return Err(client.no_such_layer(layer, failure).await),
            Err(failure) => return Err(failure),
        },
    };
    let Some(number) = number else {
        return Err(Failure::new(
            Exit::InTheWay,
            format!("no deployment of {layer} runs, so none waits for an approval"),
        )
        .with_hint(format!("what happened last: landfall history {layer}")));
    };
    let detail: Detail = read(&client.detail_json(layer, number).await?)?;
    if detail.deployment.awaits_approval() {
        return Ok(detail);
    }
    let deployment = &detail.deployment;
    let decided = deployment.approval.as_ref().and_then(|approval| approval.decision.as_deref());
    let state = match decided {
        Some("approve") => "it was approved already".to_owned(),
        Some("reject") => "it was rejected already".to_owned(),
        _ if deployment.is_final() => format!("it has ended as {}", deployment.status),
        _ => format!("it is at: {}", crate::tree::doing(deployment, &detail.runs)),
    };
    Err(Failure::new(Exit::InTheWay, format!("{} waits for no approval; {state}", deployment.id()))
        .with_hint(format!("landfall status {}", deployment.id())))
}

fn asked(detail: &Detail) -> &str {
    detail.deployment.approval.as_ref().map(|approval| approval.plan_hash.as_str()).unwrap_or_default()
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn named_plan(named: &str, hash: &str, id: &str) -> Result<(), Failure> {
    if named.len() < DIGITS {
        return Err(Failure::new(Exit::Invalid, format!("--plan {named} is too short to name a plan"))
            .with_hint(format!("give at least {DIGITS} digits of the hash")));
    }
    if !hash.starts_with(&named.to_lowercase()) {
        return Err(Failure::new(Exit::InTheWay, format!("{id} has another plan than {named}: {}", short(hash)))
            .with_hint(format!("look at it: landfall approve {id}, without --plan, shows it")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_plan_is_named_by_the_beginning_of_its_hash_and_no_other_is_approved() {
        assert!(named_plan("3F2A9C", "3f2a9c77aa", "shop/12").is_ok());
        assert_eq!(named_plan("3f2", "3f2a9c77aa", "shop/12").unwrap_err().exit, Exit::Invalid);
        assert_eq!(named_plan("3f2a9d", "3f2a9c77aa", "shop/12").unwrap_err().exit, Exit::InTheWay);
    }
}
