//! The quotas of IAM, which tells them itself, with what is used of them.

use aws_sdk_iam::types::SummaryKeyType;
use landfall_engine::{Aws, Explain, Quota, Result};

use crate::role::iam;

/// Of roles or policies, of which `more` are to be made: what there are, and what there may be, by one call
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html>).
pub(crate) async fn quota(
    aws: &Aws,
    name: &str,
    (used, limit): (SummaryKeyType, SummaryKeyType),
    more: usize,
) -> Result<Vec<Quota>> {
    let answer = iam(aws).get_account_summary().send().await.explain("GetAccountSummary", name)?;
    let told = |key: &SummaryKeyType| u64::try_from(*answer.summary_map()?.get(key)?).ok();
    let (Some(used), Some(limit)) = (told(&used), told(&limit)) else { return Ok(Vec::new()) };
    // IAM is global, and its quotas are kept in one region
    // (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
    let page = "https://us-east-1.console.aws.amazon.com/servicequotas/home/services/iam/quotas".to_owned();
    let more = u64::try_from(more).unwrap_or(u64::MAX);
    Ok(vec![Quota { page, ..Quota::new(name, limit, used, more) }])
}
