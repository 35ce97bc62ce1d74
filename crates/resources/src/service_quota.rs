//! Quotas that Service Quotas tells. What is used of them is counted by whoever asks.

use aws_sdk_servicequotas::config::{Builder, Region};
use landfall_engine::{Aws, Explain, Quota, Result, Target};

landfall_aws::client!(servicequotas: aws_sdk_servicequotas);

/// A quota of Service Quotas (`aws service-quotas list-service-quotas --service-code vpc`).
#[derive(Clone, Copy, Debug)]
pub struct ServiceQuota {
    service: &'static str,
    code: &'static str,
    name: &'static str,
    global: bool,
}

impl ServiceQuota {
    /// A quota of each region: code of the service (`vpc`), its own (`L-F678F1CE`), and its name in the plural.
    pub const fn of_region(service: &'static str, code: &'static str, name: &'static str) -> Self {
        Self { service, code, name, global: false }
    }

    /// One of the whole account, which is told in one region of the partition only.
    pub const fn of_account(service: &'static str, code: &'static str, name: &'static str) -> Self {
        Self { service, code, name, global: true }
    }

    /// What it means where `used` are there and `more` are to be made.
    ///
    /// # Errors
    /// When Service Quotas does not tell it.
    pub async fn room(&self, aws: &Aws, used: usize, more: usize) -> Result<Quota> {
        let Self { service, code, name, .. } = self;
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let (limit, host) = (self.limit(aws).await?, console(&aws.target().partition));
        let page = format!("https://{}.{host}/servicequotas/home/services/{service}/quotas/{code}", self.region(aws));
        Ok(Quota { page, ..Quota::new(*name, limit, count(used), count(more)) })
    }

    /// What is applied to the account; where nothing was ever applied, the default
    /// (<https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html>).
    async fn limit(&self, aws: &Aws) -> Result<u64> {
        let there = Builder::new().region(Region::new(self.region(aws).to_owned()));
        let client = servicequotas(aws);
        let asked = client.get_service_quota().service_code(self.service).quota_code(self.code).customize();
        let quota = match asked.config_override(there.clone()).send().await.explain("GetServiceQuota", self.name) {
            Ok(answer) => answer.quota,
            Err(error) if error.is_code("NoSuchResourceException") => {
                let asked = client.get_aws_default_service_quota().service_code(self.service).quota_code(self.code);
                let answer = asked.customize().config_override(there).send().await;
                answer.explain("GetAWSDefaultServiceQuota", self.name)?.quota
            }
            Err(error) => return Err(error),
        };
        // Quotas of things are whole numbers; one that is not told is no limit.
        let value = quota.and_then(|quota| quota.value).unwrap_or(f64::INFINITY);
        Ok(value.clamp(0.0, 1e15) as u64)
    }

    fn region<'a>(&self, aws: &'a Aws) -> &'a str {
        if self.global { first_region(aws.target()) } else { &aws.target().region }
    }
}

/// Where a partition keeps the quotas of what is global in it
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html>).
fn first_region(target: &Target) -> &str {
    match target.partition.as_str() {
        "aws" => "us-east-1",
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => &target.region,
    }
}

/// Where the console of a partition is.
fn console(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_of_the_account_are_kept_in_one_region_of_each_partition() {
        let first = |partition: &str, region: &str| {
            let (partition, region) = (partition.to_owned(), region.to_owned());
            first_region(&Target { account_id: "123456789012".to_owned(), region, partition }).to_owned()
        };
        assert_eq!(first("aws", "eu-central-1"), "us-east-1");
        assert_eq!(first("aws-cn", "cn-northwest-1"), "cn-north-1");
        assert_eq!(first("aws-us-gov", "us-gov-east-1"), "us-gov-west-1");
        assert_eq!(first("aws-eusc", "eusc-de-east-1"), "eusc-de-east-1", "nothing else is known of others");
    }
}
