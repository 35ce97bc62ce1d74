//! Which key a layer file has in the config bucket. A key that would be refused is refused before anything is uploaded,
//! because the upload would already have taken the place of another layer's file.

use std::path::Path;

use crate::api::{Layer, entries, read};
use crate::args::TargetArgs;
use crate::client::{Client, layer_path};
use crate::error::{Exit, Failure};

/// The key of a layer file: as given, else the one that the layer has, else the file's name.
///
/// # Errors
/// When the layer has another key, or another layer has this one.
pub async fn key_for(client: &Client, layer: &str, file: &Path, target: &TargetArgs) -> Result<String, Failure> {
    let known = known(client, layer).await;
    let owner = known.iter().find(|known| known.layer == layer && known.is_alive()).and_then(|known| known.key.clone());
    let key = match (&target.key, &owner) {
        (None, Some(owner)) => owner.clone(),
        (_, _) => target.key_of(file)?,
    };
    if let Some(owner) = owner.filter(|owner| *owner != key) {
        return Err(Failure::new(Exit::InTheWay, format!("layer {layer} belongs to {owner}, not to {key}")).with_hint(
            format!(
                "use its own key: --key {owner}\nto move it, destroy it first: landfall destroy {layer}\n\
                 if it is another layer, give it another `name` in {}",
                file.display()
            ),
        ));
    }
    let holder = known.iter().find(|other| other.layer != layer && other.holds(&key));
    if let Some(holder) = holder {
        let free = free_key(&key, layer, &known);
        return Err(Failure::new(
            Exit::InTheWay,
            format!("{key} holds layer {}, and {} declares {layer}", holder.layer, file.display()),
        )
        .with_hint(format!("give {layer} a key of its own: --key {free}")));
    }
    Ok(key)
}

/// The layers that are known, or at least this one. Who may look at none learns from a rejection what is wrong.
async fn known(client: &Client, layer: &str) -> Vec<Layer> {
    if let Ok(answer) = client.get("/layers").await
        && let Ok(layers) = entries(&answer, "layers")
    {
        return layers;
    }
    match client.get(&layer_path(layer)).await {
        Ok(answer) => read(&answer).into_iter().collect(),
        Err(_) => Vec::new(),
    }
}

/// A key that no layer holds, in the same folder, so that what the file refers to is found from there.
fn free_key(taken: &str, layer: &str, known: &[Layer]) -> String {
    let (folder, end) = match taken.rsplit_once('/') {
        Some((folder, name)) => (format!("{folder}/"), name),
        None => (String::new(), taken),
    };
    let end = end.rsplit_once('.').map_or("yaml", |(_, end)| end);
    let mut free = format!("{folder}{layer}.{end}");
    let mut number = 2;
    while known.iter().any(|other| other.layer != layer && other.holds(&free)) {
        free = format!("{folder}{layer}-{number}.{end}");
        number += 1;
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, key: &str) -> Layer {
        Layer { layer: name.to_owned(), key: Some(key.to_owned()), status: "deployed".to_owned(), ..Layer::default() }
    }

    #[test]
    fn a_key_of_its_own_lies_in_the_same_folder_and_is_free() {
        let known = [layer("demo", "live/env.yml"), layer("old", "live/shop.yml")];
        assert_eq!(free_key("live/env.yml", "staging", &known), "live/staging.yml");
        assert_eq!(free_key("live/env.yml", "shop", &known), "live/shop-2.yml");
        assert_eq!(free_key("env", "staging", &known), "staging.yaml");
    }
}
