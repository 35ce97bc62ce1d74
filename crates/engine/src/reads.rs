//! What the modules of one invocation read of the state: each thing once, however many of them ask for it.

use std::collections::BTreeMap;

use landfall_aws::{Error, Kind, Result};
use landfall_plan::{ModulePlan, Plan, RunDocument};
use landfall_state::{ModuleRecord, Store};
use tokio::sync::OnceCell;

use crate::journal::Journal;
use crate::load::{document, load_journal, load_journals, load_modules};
use crate::step::Request;

/// The reads of one invocation.
pub(crate) struct Reads<'a> {
    store: &'a Store,
    request: &'a Request,
    run: OnceCell<RunDocument>,
    plan: OnceCell<Plan>,
    deployed: OnceCell<BTreeMap<String, ModuleRecord>>,
    journals: OnceCell<BTreeMap<String, Journal>>,
}

impl<'a> Reads<'a> {
    pub(crate) fn new(store: &'a Store, request: &'a Request) -> Self {
        Self {
            store,
            request,
            run: OnceCell::new(),
            plan: OnceCell::new(),
            deployed: OnceCell::new(),
            journals: OnceCell::new(),
        }
    }

    /// Reads all that the modules need.
    pub(crate) async fn ahead(&self) -> Result<()> {
        futures::future::try_join4(self.run(), self.plan(), self.deployed(), self.journals()).await.map(drop)
    }

    /// What is asked for.
    pub(crate) fn request(&self) -> &Request {
        self.request
    }

    /// The run document.
    pub(crate) async fn run(&self) -> Result<&RunDocument> {
        self.run.get_or_try_init(|| document(self.store, &self.request.run)).await
    }

    /// The modules of the layer as they are deployed.
    pub(crate) async fn deployed(&self) -> Result<&BTreeMap<String, ModuleRecord>> {
        self.deployed.get_or_try_init(|| load_modules(self.store, &self.request.layer)).await
    }

    /// The journal of a module.
    pub(crate) async fn journal(&self, module: &str) -> Result<Journal> {
        Ok(self.journals().await?.get(module).cloned().unwrap_or_default())
    }

    async fn journals(&self) -> Result<&BTreeMap<String, Journal>> {
        let (store, layer) = (self.store, &self.request.layer);
        let read = || async {
            match self.request.modules.as_slice() {
                // Of one module its own entries are less than those of the layer.
                [only] => Ok(BTreeMap::from([(only.clone(), load_journal(store, layer, only).await?)])),
                _ => load_journals(store, layer).await,
            }
        };
        self.journals.get_or_try_init(read).await
    }

    /// The part of the approved plan that speaks of a module. Without it nothing may be done.
    pub(crate) async fn approved(&self, module: &str) -> Result<ModulePlan> {
        let part = self.plan().await?.modules.iter().find(|part| part.module == module).cloned();
        part.ok_or_else(|| refused("the approved plan does not have this module").about(module))
    }

    async fn plan(&self) -> Result<&Plan> {
        let at = self.request.plan.as_ref().ok_or_else(|| refused("there is no approved plan"))?;
        self.plan.get_or_try_init(|| document(self.store, at)).await
    }
}

fn refused(message: &str) -> Error {
    Error::new(Kind::Conflict, "apply", message)
}
