//! Random operations, played on the table and on the store: after each both say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use landfall_state::{
    AcquireRequest, Action, Actor, Deployment, Enqueued, Finished, IntentAction, LayerEnd, Lease, NewChange, NewIntent,
    Outcome, Phase, Settings, Source, StateError, Status, Store,
};
use landfall_testkit::{LocalAws, make_table};

use crate::table::{Layer, Op, Told};

const ROUNDS: u64 = 32;
const STEPS: usize = 50;

/// The store, driven as the functions drive it.
struct Driven {
    store: Store,
    lease: Option<Lease>,
    /// Changes and looks that came, for a name of their own.
    came: usize,
    deployments: u64,
    /// Deployments that have queued their rollback.
    rolled_back: BTreeSet<u64>,
}

impl Driven {
    async fn new() -> Self {
        let account = LocalAws::shared().account();
        let config = account.sdk_config().await;
        make_table(&aws_sdk_dynamodb::Client::new(&config)).await;
        let settings = Settings { table: "landfall".to_owned(), bucket: "none".to_owned() };
        Self {
            store: Store::new(&config, settings),
            lease: None,
            came: 0,
            deployments: 0,
            rolled_back: BTreeSet::new(),
        }
    }

    async fn running(&self) -> Option<Deployment> {
        let number = self.store.queue("shop").await.unwrap().running?;
        Some(self.store.deployment("shop", number).await.unwrap())
    }

    async fn apply(&mut self, op: Op) -> Told {
        match op {
            Op::Enqueue => return self.enqueue(Action::Deploy, String::new(), false).await,
            Op::EnqueueAndBegin => return self.enqueue(Action::Deploy, String::new(), true).await,
            Op::Plan => return self.enqueue(Action::Plan, String::new(), true).await,
            Op::Look => return self.enqueue(Action::Drift, String::new(), false).await,
            Op::RollBack => {
                let running = self.running().await.filter(|_| self.lease.is_some());
                let fails = |running: &Deployment| running.action == Action::Deploy && running.cancel.is_none();
                let Some(running) = running.filter(fails) else { return Told::Nobody };
                let told = self.enqueue(Action::Rollback, format!("rollback of {}", running.number), false).await;
                if told == Told::Yes {
                    self.rolled_back.insert(running.number);
                }
                return told;
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
                if number <= self.deployments {
                    self.store.cancel("shop", number, "bob", None).await.unwrap();
                }
            }
            Op::Finish | Op::Fail => self.end(op == Op::Fail).await,
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

    /// Each is a change of its own; a rollback is so by its nonce.
    async fn enqueue(&mut self, action: Action, nonce: String, begins: bool) -> Told {
        self.came += 1;
        let version_id = Some(if nonce.is_empty() { format!("v{}", self.came) } else { "v1".to_owned() });
        let source = Source { key: "shop.yaml".to_owned(), version_id, ..Source::default() };
        let change = NewChange { nonce, ..NewChange::new("shop", action, source, Actor("ada".to_owned())) };
        let queued =
            if begins { self.store.enqueue_and_begin(change, None).await } else { self.store.enqueue(change).await };
        match queued {
            Ok(Enqueued { deployment, duplicate, begun, .. }) => {
                assert_eq!(duplicate, deployment.number <= self.deployments);
                if begun {
                    self.store.started("shop", deployment.number, &execution(deployment.number)).await.unwrap();
                }
                self.deployments = self.deployments.max(deployment.number);
                Told::Yes
            }
            Err(StateError::Conflict { .. }) => Told::Later,
            Err(error) => panic!("{error}"),
        }
    }

    async fn admit(&mut self) {
        let Some(running) = self.running().await.filter(|_| self.lease.is_none()) else { return };
        let holder = execution(running.number);
        let ttl = Duration::from_secs(600);
        let plans = Some(running.number);
        let request = AcquireRequest {
            layer: "shop",
            environment: None,
            holder: &holder,
            doing: "works",
            ttl,
            plans,
            turn: None,
        };
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

    async fn end(&mut self, fails: bool) {
        let Some(running) = self.running().await.filter(|_| self.lease.is_some()) else { return };
        if !fails && self.rolled_back.contains(&running.number) {
            return;
        }
        let Some(lease) = self.lease.take() else { return };
        let (status, outcome) = match (running.cancel, running.action) {
            (Some(_), _) => (Status::Cancelled, None),
            (None, _) if fails => (Status::Failed, None),
            (None, Action::Drift) => (Status::Succeeded, Some(Outcome::Looked)),
            (None, Action::Plan) => (Status::Succeeded, Some(Outcome::Planned)),
            (None, Action::Rollback) => (Status::Succeeded, Some(Outcome::RolledBack)),
            (None, _) => (Status::Succeeded, Some(Outcome::Changed)),
        };
        let end = Finished { status, outcome, message: None, diagnostics: None };
        let becomes = LayerEnd::AsItWas;
        assert!(self.store.writer(&lease).deployment_ended(running.number, &end, becomes, None, None).await.unwrap());
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
            let seen = (real.action, real.status, real.superseded_by, real.finished_at.is_some());
            let expected =
                (modelled.action, modelled.status, place(modelled.superseded_by), modelled.status.is_final());
            assert_eq!(seen, expected, "deployment {} after {trail:?}", real.number);
        }
    }
}

fn execution(number: u64) -> String {
    format!("execution-{number}")
}

/// The next operation, drawn from the round and the step: the same on every machine. Of three steps one is whatever
/// comes, the others are what the layer lets happen, so that deployments come to their ends.
fn drawn(round: u64, step: usize, layer: &Layer) -> Op {
    let happens = |op: &Op| {
        let mut after = layer.clone();
        let told = after.apply(*op);
        after != *layer || matches!(op, Op::Begin | Op::Record) && told == Told::Yes
    };
    let draw = |draw| draw_one(round, step, draw, layer.deployments.len());
    let draws = if step.is_multiple_of(3) { 0 } else { 8 };
    (0..draws).map(draw).find(happens).unwrap_or_else(|| draw(0))
}

fn draw_one(round: u64, step: usize, draw: u64, deployments: usize) -> Op {
    let mut hasher =
        std::hash::BuildHasherDefault::<std::collections::hash_map::DefaultHasher>::default().build_hasher();
    hasher.write_u64(round);
    hasher.write_usize(step);
    hasher.write_u64(draw);
    let number = hasher.finish();
    match number % 24 {
        0 => Op::Enqueue,
        1 => Op::Look,
        2..=4 | 22 => Op::RollBack,
        5..=8 => Op::StartNext,
        9..=11 => Op::Admit,
        12 => Op::Begin,
        13 => Op::Record,
        // The newest ones are those that are not over.
        14 | 20 => Op::Cancel(deployments.saturating_sub(1 + (number / 24 % 3) as usize)),
        15 | 16 => Op::Finish,
        17 => Op::Fail,
        18 => Op::Freeze,
        19 => Op::EnqueueAndBegin,
        21 => Op::Plan,
        _ => Op::Thaw,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_does_what_the_table_says() {
    let rounds = (0..ROUNDS).map(|round| async move {
        let (mut layer, mut driven) = (Layer::default(), Driven::new().await);
        let (mut trail, mut seen) = (Vec::new(), Vec::new());
        for step in 0..STEPS {
            let op = drawn(round, step, &layer);
            trail.push(op);
            let next = layer.waiting.filter(|_| op == Op::StartNext && layer.running.is_none() && layer.frozen);
            seen.extend(next.map(|next| format!("{:?} while frozen", layer.deployments[next].action)));
            let alone = op == Op::EnqueueAndBegin && layer.running.is_none() && layer.waiting.is_none();
            let (modelled, real) = (layer.apply(op), driven.apply(op).await);
            seen.extend(alone.then(|| format!("begun at once: {}", layer.running.is_some())));
            assert_eq!(real, modelled, "{trail:?}");
            seen.push(format!("{real:?}"));
            driven.agrees(&layer, &trail).await;
        }
        for deployment in &layer.deployments {
            seen.push(format!("{:?}", deployment.status));
            seen.push(format!("{:?} {:?}", deployment.action, deployment.status));
        }
        seen
    });
    let all: Vec<String> = futures::future::join_all(rounds).await.into_iter().flatten().collect();
    let cancelled = all.iter().filter(|seen| *seen == "Cancelled").count();
    assert!(cancelled > 10, "deployments and steps were cancelled {cancelled} times only");
    for status in ["Queued", "Running", "Succeeded", "Failed", "Superseded", "Nobody", "Later"] {
        assert!(all.iter().any(|seen| seen == status), "no round came to {status}");
    }
    for begun in ["begun at once: true", "begun at once: false"] {
        assert!(all.iter().any(|seen| seen == begun), "no round came to {begun}");
    }
    assert!(all.iter().any(|seen| seen == "Plan Superseded"), "no plan gave up its place");
    for action in ["Deploy", "Drift", "Rollback"] {
        for what in ["Superseded", "Cancelled", "while frozen"] {
            let what = format!("{action} {what}");
            assert!(all.contains(&what), "no round came to {what}");
        }
    }
}
