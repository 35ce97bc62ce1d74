//! Random operations, played on the table and on the store: after each both say the same.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use landfall_state::{
    AcquireRequest, Action, Actor, Deployment, Finished, IntentAction, Lease, NewChange, NewIntent, Outcome, Phase,
    Settings, Source, StateError, Status, Store,
};
use landfall_testkit::{LocalAws, make_table};

use crate::table::{Layer, Op, Told};

const ROUNDS: u64 = 16;
const STEPS: usize = 40;

/// The store, driven as the functions drive it.
struct Driven {
    store: Store,
    lease: Option<Lease>,
    changes: usize,
}

impl Driven {
    async fn new() -> Self {
        let account = LocalAws::shared().account();
        let config = account.sdk_config().await;
        make_table(&aws_sdk_dynamodb::Client::new(&config)).await;
        let settings = Settings { table: "landfall".to_owned(), bucket: "none".to_owned() };
        Self { store: Store::new(&config, settings), lease: None, changes: 0 }
    }

    async fn running(&self) -> Option<Deployment> {
        let number = self.store.queue("shop").await.unwrap().running?;
        Some(self.store.deployment("shop", number).await.unwrap())
    }

    async fn apply(&mut self, op: Op) -> Told {
        match op {
            Op::Enqueue => {
                self.changes += 1;
                let version_id = Some(format!("v{}", self.changes));
                let source = Source { key: "shop.yaml".to_owned(), version_id, ..Source::default() };
                let change = NewChange::new("shop", Action::Deploy, source, Actor("ada".to_owned()));
                self.store.enqueue(change).await.unwrap();
            }
            Op::StartNext => {
                if let Some(started) = self.store.start_next("shop").await.unwrap() {
                    self.store.started("shop", started.number, &execution(started.number)).await.unwrap();
                }
            }
            Op::Admit => self.admit().await,
            Op::Begin | Op::Record => return self.step(op == Op::Begin).await,
            Op::Cancel(which) => {
                let number = which as u64 + 1;
                if number <= self.changes as u64 {
                    self.store.cancel("shop", number, "bob", None).await.unwrap();
                }
            }
            Op::Finish => self.finish().await,
            Op::Freeze => {
                let until = self.store.now() + Duration::from_secs(3600);
                self.store.freeze("shop", until, "a test", "ada").await.unwrap();
            }
            Op::Thaw => {
                self.store.thaw("shop").await.unwrap();
            }
        }
        Told::Yes
    }

    async fn admit(&mut self) {
        let Some(running) = self.running().await.filter(|_| self.lease.is_none()) else { return };
        let holder = execution(running.number);
        let ttl = Duration::from_secs(600);
        let request =
            AcquireRequest { layer: "shop", environment: None, holder: &holder, doing: "works", ttl, plans: None };
        self.lease = Some(self.store.acquire(request).await.unwrap());
        self.store.phase("shop", running.number, Phase::Applying, None).await.unwrap();
    }

    async fn step(&self, begins: bool) -> Told {
        let Some(lease) = &self.lease else { return Told::Nobody };
        let writer = self.store.writer(lease);
        let done = if begins {
            let intent = NewIntent {
                number: 1,
                module: "orders",
                resource: "queue",
                kind: "AWS::SQS::Queue",
                action: IntentAction::Update,
                id: None,
                client_token: "",
                needs: &[],
            };
            let known = self.store.journal("shop").await.unwrap();
            writer.intend(intent, known.first()).await.map(|_| ())
        } else {
            writer.forgotten("orders", "queue").await
        };
        match done {
            Ok(()) => Told::Yes,
            Err(StateError::Cancelled { .. }) => Told::Cancelled,
            Err(error) => panic!("{error}"),
        }
    }

    async fn finish(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        let running = self.running().await.unwrap();
        let cancelled = running.cancel.is_some();
        let status = if cancelled { Status::Cancelled } else { Status::Succeeded };
        let outcome = (!cancelled).then_some(Outcome::Changed);
        let end = Finished { status, outcome, message: None, diagnostics: None };
        self.store.release(&lease).await.unwrap();
        assert!(self.store.finish("shop", running.number, end).await.unwrap());
    }

    async fn agrees(&self, layer: &Layer, trail: &[Op]) {
        let queue = self.store.queue("shop").await.unwrap();
        let place = |number: Option<usize>| number.map(|number| number as u64 + 1);
        assert_eq!((queue.running, queue.waiting), (place(layer.running), place(layer.waiting)), "{trail:?}");
        let found: BTreeMap<u64, Deployment> = self
            .store
            .deployments("shop", 100)
            .await
            .unwrap()
            .into_iter()
            .map(|deployment| (deployment.number, deployment))
            .collect();
        assert_eq!(found.len(), layer.deployments.len(), "{trail:?}");
        for (modelled, real) in layer.deployments.iter().zip(found.values()) {
            let seen = (real.status, real.superseded_by, real.finished_at.is_some());
            let expected = (modelled.status, place(modelled.superseded_by), modelled.status.is_final());
            assert_eq!(seen, expected, "deployment {} after {trail:?}", real.number);
        }
    }
}

fn execution(number: u64) -> String {
    format!("execution-{number}")
}

/// The next operation, drawn from the round and the step: the same on every machine.
fn drawn(round: u64, step: usize, changes: usize) -> Op {
    let mut hasher =
        std::hash::BuildHasherDefault::<std::collections::hash_map::DefaultHasher>::default().build_hasher();
    hasher.write_u64(round);
    hasher.write_usize(step);
    let number = hasher.finish();
    match number % 14 {
        0 | 1 => Op::Enqueue,
        2 | 3 => Op::StartNext,
        4 | 5 => Op::Admit,
        6 | 7 => Op::Begin,
        8 => Op::Record,
        // The newest ones are those that are not over.
        9 | 10 => Op::Cancel(changes.saturating_sub(1 + (number / 14 % 3) as usize)),
        11 => Op::Finish,
        _ if number / 14 % 4 == 0 => Op::Freeze,
        _ => Op::Thaw,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_does_what_the_table_says() {
    let rounds = (0..ROUNDS).map(|round| async move {
        let (mut layer, mut driven) = (Layer::default(), Driven::new().await);
        let (mut trail, mut seen) = (Vec::new(), Vec::new());
        for step in 0..STEPS {
            let op = drawn(round, step, layer.deployments.len());
            trail.push(op);
            let (modelled, real) = (layer.apply(op), driven.apply(op).await);
            assert_eq!(real, modelled, "{trail:?}");
            seen.push(format!("{real:?}"));
            driven.agrees(&layer, &trail).await;
        }
        seen.extend(layer.deployments.iter().map(|deployment| format!("{:?}", deployment.status)));
        seen
    });
    let all: Vec<String> = futures::future::join_all(rounds).await.into_iter().flatten().collect();
    let cancelled = all.iter().filter(|seen| *seen == "Cancelled").count();
    assert!(cancelled > 10, "deployments and steps were cancelled {cancelled} times only");
    for status in ["Queued", "Running", "Succeeded", "Superseded", "Nobody"] {
        assert!(all.iter().any(|seen| seen == status), "no round came to {status}");
    }
}
