//! Quotas of a network: told in the plan before anything is made, and never in the way of a plan.

mod common;

use common::{deploy, ec2, inputs};
use landfall_module_base::Base;
use landfall_plan::{ModulePlan, Risk, Weight};
use landfall_testkit::{Quotas, World};
use serde_json::json;

/// Applied quotas of VPCs, internet gateways, addresses and NAT gateways.
fn applied(vpcs: f64, gateways: f64, addresses: f64, nat_gateways: f64) -> Quotas {
    let applied =
        [("L-F678F1CE", vpcs), ("L-A4707A72", gateways), ("L-0263D0A3", addresses), ("L-FE5A380F", nat_gateways)];
    Quotas { applied: applied.into(), ..Quotas::default() }
}

async fn plan(world: &mut World) -> ModulePlan {
    let mut deployment = world.deploy::<Base>(Some(&inputs()), &[]).await;
    world.plan::<Base>(&mut deployment).await
}

/// What is told, sorted.
fn told(plan: &ModulePlan) -> Vec<(Weight, String)> {
    let mut told: Vec<_> = plan.preflight.iter().map(|one| (one.weight, one.message.clone())).collect();
    told.sort();
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_does_not_fit_is_told_with_what_is_used_and_where_to_ask_for_more() {
    let mut world = World::new().await;
    // A new account has a default VPC with a gateway.
    let vpcs = ec2(&world, "describe_vpcs", json!({}))["Vpcs"].as_array().map_or(0, Vec::len);
    ec2(&world, "allocate_address", json!({}));
    world.quotas(applied(vpcs as f64, 1000.0, 3.0, 1000.0)).await;
    let plan = plan(&mut world).await;
    let expected = [
        (Weight::Blocking, format!("{} of {vpcs} VPCs per Region ({vpcs} there, 1 to be made)", vpcs + 1)),
        (Weight::Blocking, "4 of 3 EC2-VPC Elastic IPs (1 there, 3 to be made)".to_owned()),
    ];
    assert_eq!(told(&plan), expected, "what is far from its quota is not told");
    assert_eq!(plan.risk(), Risk::High, "somebody is asked before it begins");
    let page = "https://us-east-1.console.aws.amazon.com/servicequotas/home/services/vpc/quotas/L-F678F1CE";
    assert!(plan.preflight.iter().any(|obstacle| obstacle.hint.ends_with(page)), "{:?}", plan.preflight);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_just_fits_is_noted_and_a_default_counts_where_nothing_was_applied() {
    let mut world = World::new().await;
    let Quotas { applied, .. } = applied(1000.0, 1000.0, 3.0, 1.0);
    world.quotas(Quotas { defaults: applied, ..Quotas::default() }).await;
    let plan = plan(&mut world).await;
    let expected = [
        (Weight::Near, "1 of 1 NAT gateways per Availability Zone (0 there, 1 to be made)".to_owned()),
        (Weight::Near, "3 of 3 EC2-VPC Elastic IPs (0 there, 3 to be made)".to_owned()),
    ];
    assert_eq!((told(&plan).as_slice(), plan.risk()), (&expected[..], Risk::Low));
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_of_a_zone_that_the_environment_would_take_count() {
    let mut world = World::new().await;
    common::existing_network(&world);
    world.quotas(applied(1000.0, 1000.0, 1000.0, 1.0)).await;
    let plan = plan(&mut world).await;
    let expected = (Weight::Blocking, "2 of 1 NAT gateways per Availability Zone (1 there, 1 to be made)".to_owned());
    assert_eq!(told(&plan), [expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_that_cannot_be_read_fail_no_plan() {
    let mut world = World::new().await;
    world.quotas(Quotas::default()).await;
    assert!(plan(&mut world).await.preflight.is_empty(), "a region without Service Quotas is nothing to tell");
    world.quotas(Quotas { denied: true, ..Quotas::default() }).await;
    let plan = plan(&mut world).await;
    let weights: Vec<Weight> = plan.preflight.iter().map(|obstacle| obstacle.weight).collect();
    assert_eq!((weights, plan.risk()), (vec![Weight::Unchecked; 5], Risk::Low));
    let told = plan.preflight[0].sentence();
    assert!(told.contains("quota of AWS::EC2::") && told.contains("servicequotas:GetServiceQuota"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_asks_for_quotas_when_nothing_is_made() {
    let mut world = World::new().await;
    deploy(&mut world, &inputs()).await.expect("it is deployed");
    world.quotas(applied(0.0, 0.0, 0.0, 0.0)).await;
    assert!(plan(&mut world).await.preflight.is_empty());
    let reads = world.reads();
    assert!(!reads.keys().any(|call| call.starts_with("servicequotas.") || call.starts_with("sts.")), "{reads:?}");
}
