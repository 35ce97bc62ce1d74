//! `landfall deploy`: uploads a layer file with the files it refers to, finds the deployment that came of it, follows.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use landfall_config::LayerFile;
use landfall_plan::Tone;
use serde_json::json;

use crate::account::{Account, Upload};
use crate::api::Installation;
use crate::args::{DeployArgs, Place, TargetArgs};
use crate::client::Client;
use crate::error::{Exit, Failure, file_failure};
use crate::files::check;
use crate::follow::{Decider, Follow};
use crate::keys::key_for;
use crate::live::Screen;
use crate::travelling::travelling;
use crate::ui::{Ui, counted};

/// An upload that no deployment came of within this time is lost.
const PICKED_UP_WITHIN: Duration = Duration::from_secs(90);

/// A checked layer file and what travels with it.
pub(super) struct Package {
    /// The layer.
    pub layer: LayerFile,
    bytes: Vec<u8>,
    /// Support files: path relative to the layer file, content.
    files: Vec<(String, Vec<u8>)>,
    /// Folders among what the layer refers to: relative to the layer file, without a slash at the end.
    folders: Vec<String>,
    environment: Option<String>,
}

impl Package {
    /// Support files, then the layer file, as objects of the config bucket.
    pub fn uploads(self, key: &str) -> Vec<Upload> {
        let folder = key.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
        let support = self.files.into_iter().map(|(path, bytes)| Upload {
            key: format!("{folder}{path}"),
            bytes,
            environment: None,
            actor: None,
        });
        let mut uploads: Vec<Upload> = support.collect();
        let actor = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
        let actor = actor.filter(|user| !user.is_empty());
        uploads.push(Upload { key: key.to_owned(), bytes: self.bytes, environment: self.environment, actor });
        uploads
    }
}

/// Uploads and follows.
pub async fn run(ui: &Ui, place: &Place, args: &DeployArgs) -> Result<Exit, Failure> {
    let package = pack(ui, &args.file, &args.target)?;
    let client = Client::open(Account::open(place).await?).await?;
    let installation = client.installation().await?;
    let layer = package.layer.name.value.clone();
    let key = key_for(&client, &layer, &args.file, &args.target).await?;
    let folders = package.folders.clone();
    let uploads = package.uploads(&key);
    mirror(ui, &client, &installation, &key, &folders, &uploads).await?;
    let version = upload(&client, &installation, &uploads).await?;
    uploaded(ui, &installation, &key, uploads.len());
    let Some(number) = find(ui, &client, &layer, &version).await? else {
        ui.note(format!("the upload is done; what came of it: landfall history {layer}"));
        return Ok(Exit::Interrupted);
    };
    if args.no_follow {
        let id = format!("{layer}/{number}");
        if ui.json {
            ui.answer(&json!({ "layer": layer, "number": number, "id": id, "version_id": version }));
        } else {
            ui.line(format!("{id} is on its way; follow it: landfall status {id} --follow"));
        }
        return Ok(Exit::Done);
    }
    let decider = if args.yes { Decider::Given } else { Decider::Person };
    Follow { ui, client: &client, layer: &layer, number, decider, plan_seen: false, full: args.full }.run().await
}

/// Checks a layer file and collects what travels with it.
pub(super) fn pack(ui: &Ui, file: &Path, target: &TargetArgs) -> Result<Package, Failure> {
    target.key_of(file)?;
    let checked = check(file, target.env.as_deref());
    if checked.is_valid() && !checked.diagnostics.is_empty() && !ui.json {
        ui.note(checked.rendered(ui));
    }
    let (layer, bytes, refers_to) = checked.into_layer(ui)?;
    choose(&layer, target)?;
    let mut files = Vec::new();
    for (path, place) in travelling(file, &refers_to)? {
        files.push((path, std::fs::read(&place).map_err(|error| file_failure("read", &place, &error))?));
    }
    let beside = file.parent().unwrap_or(Path::new(""));
    let folders = refers_to.iter().map(|path| path.trim_start_matches("./").trim_end_matches('/'));
    // The folder of the layer file itself holds more than this layer.
    let folders = folders.filter(|path| !matches!(*path, "" | ".") && beside.join(path).is_dir());
    let folders = folders.map(str::to_owned).collect();
    Ok(Package { layer, bytes, files, folders, environment: target.env.clone() })
}

/// Makes the folders of the config bucket as they are here: a file that was removed is not deployed any more.
async fn mirror(
    ui: &Ui,
    client: &Client,
    installation: &Installation,
    key: &str,
    folders: &[String],
    uploads: &[Upload],
) -> Result<(), Failure> {
    let beside = key.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
    let keep: BTreeSet<&str> = uploads.iter().map(|upload| upload.key.as_str()).collect();
    let mut gone = 0;
    for folder in folders {
        gone += client.account.prune(&installation.config_bucket, &format!("{beside}{folder}/"), &keep).await?;
    }
    if gone > 0 && !ui.json {
        let what = format!("removed what is gone here: {}", counted(gone, "file"));
        ui.note(ui.paint_errors.tone(Tone::Quiet, what));
    }
    Ok(())
}

/// A service that lists several environments is not deployed to any of them by chance.
fn choose(layer: &LayerFile, target: &TargetArgs) -> Result<(), Failure> {
    let labels: Vec<&str> = layer.environments().iter().map(|entry| entry.name.value.as_str()).collect();
    if target.env.is_none() && labels.len() > 1 {
        let what = format!("{} can go to several environments: {}", layer.name.value, labels.join(", "));
        return Err(Failure::new(Exit::Invalid, what).with_hint(format!("choose one: --env {}", labels[0])));
    }
    if target.env.is_some() && labels.is_empty() {
        let what = format!("{} is an environment itself, so --env means nothing", layer.name.value);
        return Err(Failure::new(Exit::Invalid, what).with_hint("leave --env out"));
    }
    Ok(())
}

/// Uploads in order, the layer file last, and answers its version.
pub(super) async fn upload(
    client: &Client,
    installation: &Installation,
    uploads: &[Upload],
) -> Result<String, Failure> {
    let bucket = &installation.config_bucket;
    let mut version = None;
    for upload in uploads {
        version = client.account.upload(bucket, upload).await?;
    }
    version.ok_or_else(|| {
        Failure::new(Exit::Failed, format!("the config bucket {bucket} keeps no versions"))
            .with_hint("turn versioning on again, or run `landfall bootstrap`, which does")
    })
}

/// Says what was uploaded.
fn uploaded(ui: &Ui, installation: &Installation, key: &str, count: usize) {
    if ui.json {
        return;
    }
    let more = if count > 1 { format!(" and {}", counted(count - 1, "file")) } else { String::new() };
    let text = format!("uploaded s3://{}/{key}{more}", installation.config_bucket);
    ui.note(ui.paint_errors.tone(Tone::Quiet, text));
}

/// The deployment of a version; `None` when Ctrl-C came first.
async fn find(ui: &Ui, client: &Client, layer: &str, version: &str) -> Result<Option<u64>, Failure> {
    let begun = Instant::now();
    let mut screen = ui.live.then(Screen::default);
    loop {
        let looked = async {
            let found = client.of_version(layer, version).await?;
            if found.is_empty() {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            Ok::<_, Failure>(found)
        };
        let found = tokio::select! {
            _ = tokio::signal::ctrl_c() => None,
            found = looked => Some(found),
        };
        if let (Some(screen), Some(Ok(found))) = (&mut screen, &found)
            && found.is_empty()
        {
            let line = format!("{layer}  uploaded; waits to be picked up  {}s", begun.elapsed().as_secs());
            screen.draw(&[ui.paint_errors.tone(Tone::Quiet, line)]);
            if begun.elapsed() < PICKED_UP_WITHIN {
                continue;
            }
        }
        if let Some(screen) = &mut screen {
            screen.clear();
        }
        let Some(found) = found else { return Ok(None) };
        if let Some(deployment) = found?.first() {
            return Ok(Some(deployment.number));
        }
        if begun.elapsed() > PICKED_UP_WITHIN {
            let what = format!("the upload was not picked up within {} seconds", PICKED_UP_WITHIN.as_secs());
            return Err(Failure::new(Exit::Failed, what).with_hint(format!(
                "landfall history {layer} shows it once it is; the log of the intake function and the dead letters say why not"
            )));
        }
    }
}
