//! `landfall plan`: uploads a layer file aside and has a plan made of it. Nothing is changed.

use sha2::{Digest as _, Sha256};

use crate::account::{Account, Upload};
use crate::args::{Place, PlanArgs};
use crate::client::{Client, Order};
use crate::commands::deploy::{pack, upload};
use crate::error::{Exit, Failure};
use crate::follow::{Decider, Follow};
use crate::keys::key_for;
use crate::ui::Ui;

/// Where files lie that are planned and not deployed.
const ASIDE: &str = ".landfall/uploads";

/// Uploads aside, asks for a plan, shows it.
pub async fn run(ui: &Ui, place: &Place, args: &PlanArgs) -> Result<Exit, Failure> {
    let package = pack(ui, &args.file, &args.target)?;
    let client = Client::open(Account::open(place).await?).await?;
    let installation = client.installation().await?;
    let layer = package.layer.name.value.clone();
    let key = key_for(&client, &layer, &args.file, &args.target).await?;
    let uploads = package.uploads(&key);
    let folder = aside(&uploads);
    let uploads: Vec<Upload> =
        uploads.into_iter().map(|file| Upload { key: format!("{folder}/{}", file.key), ..file }).collect();
    let version = upload(&client, &installation, &uploads).await?;
    let object = format!("{folder}/{key}");
    let order = Order {
        action: "plan",
        upload: Some((&object, Some(&version))),
        key: Some(&key),
        environment: args.target.env.as_deref(),
    };
    let number = client.order(&layer, &order).await?.number;
    let follow = Follow {
        ui,
        client: &client,
        layer: &layer,
        number,
        decider: Decider::Others,
        plan_seen: false,
        full: args.full,
    };
    follow.run().await
}

/// A folder named by what lies in it, so that planning the same again leaves nothing more behind.
fn aside(uploads: &[Upload]) -> String {
    let mut digest = Sha256::new();
    for upload in uploads {
        digest.update(&upload.key);
        digest.update([0]);
        digest.update(Sha256::digest(&upload.bytes));
    }
    format!("{ASIDE}/{}", &hex::encode(digest.finalize())[..24])
}
