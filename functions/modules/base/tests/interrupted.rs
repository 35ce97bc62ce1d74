//! A creation that was interrupted, and is destroyed before anything goes on with it, leaves nothing.

mod common;

use common::{destroy, inputs};
use landfall_aws::Fault;
use landfall_module_base::Base;
use landfall_testkit::World;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_whose_attachment_was_not_recorded_is_detached_and_deleted() {
    let mut world = World::new().await;
    let mut deployment = world.deploy::<Base>(Some(&inputs()), &[]).await;
    world.plan::<Base>(&mut deployment).await;
    let attach = "ec2.AttachInternetGateway";
    assert_eq!(world.killed_at::<Base>(&deployment, attach, Fault::After).await.as_deref(), Some(attach));
    destroy(&mut world).await.expect("it is destroyed");
    let ours = "Name=tag:landfall:layer,Values=layer";
    let gateways = world.account.cli(&["ec2", "describe-internet-gateways", "--filters", ours]);
    assert_eq!(gateways["InternetGateways"], json!([]));
    assert!(world.left_behind().is_empty(), "{:?}", world.left_behind());
    assert!(world.journal().await.is_empty());
}
