//! EBS encryption by default, a setting of the account in its region.

use landfall_engine::{Actions, Aws, Changes, Explain, Intent, Progress, Resource, Result, Seen, Wanted, async_trait};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ec2::ec2;

/// The setting. It is switched on and never off: other environments and people rely on it, and leaving it on harms
/// nobody.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EbsEncryption {
    /// Whether every new volume is encrypted.
    pub enabled: bool,
}

const ID: &str = "ebs-encryption-by-default";

#[async_trait]
impl Resource for EbsEncryption {
    const KIND: &'static str = "Landfall::EC2::EbsEncryptionByDefault";
    const TAGGED: bool = false;
    const DELETE_NOTE: &'static str = "the setting stays on for the account in this region, since others may rely on \
                                       it; `aws ec2 disable-ebs-encryption-by-default` switches it off";
    const ACTIONS: Actions = Actions {
        create: &["ec2:EnableEbsEncryptionByDefault"],
        update: &[("*", "ec2:EnableEbsEncryptionByDefault")],
        delete: &[],
    };

    fn name(_properties: &Value) -> Option<String> {
        None
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let mut seen = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            seen.push(match wanted.id {
                Some(id) => {
                    let answer = ec2(aws).get_ebs_encryption_by_default().send().await;
                    let answer = answer.explain("GetEbsEncryptionByDefault", ID)?;
                    let on = answer.ebs_encryption_by_default().unwrap_or(false);
                    Some(Seen::ready(id, json!({ "enabled": on })))
                }
                None => None,
            });
        }
        Ok(seen)
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        self.set(aws).await
    }

    async fn update(&self, aws: &Aws, _changes: &Changes<'_>) -> Result<Progress> {
        self.set(aws).await
    }

    async fn delete(_aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        Ok(Progress::done(&seen.id))
    }
}

impl EbsEncryption {
    async fn set(&self, aws: &Aws) -> Result<Progress> {
        ec2(aws).enable_ebs_encryption_by_default().send().await.explain("EnableEbsEncryptionByDefault", ID)?;
        Ok(Progress::done(ID))
    }
}
