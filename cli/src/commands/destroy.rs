//! `landfall destroy`: removes a layer; planned, approved and followed like any other change.

use crate::args::DestroyArgs;
use crate::client::{Client, Order};
use crate::error::{Exit, Failure};
use crate::follow::{Decider, Follow};
use crate::ui::Ui;

/// Asks for the destruction and follows it.
pub async fn run(ui: &Ui, client: &Client, args: &DestroyArgs) -> Result<Exit, Failure> {
    let layer = &args.layer;
    let order = Order { action: "destroy", ..Order::default() };
    let accepted = match client.order(layer, &order).await {
        Ok(accepted) => accepted,
        Err(failure) if failure.exit == Exit::NotFound => return Err(client.no_such_layer(layer, failure).await),
        Err(failure) => return Err(failure),
    };
    let decider = if args.yes { Decider::Given } else { Decider::PersonByName };
    Follow { ui, client, layer, number: accepted.number, decider, plan_seen: false, full: args.full }.run().await
}
