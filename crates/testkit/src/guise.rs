//! Other engines for a world: with fewer permissions, behind a throttle, over a state whose calls are counted.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_types::retry::RetryConfig;
use landfall_engine::Engine;
use landfall_state::{Settings, Store};
use serde_json::{Value, json};

use crate::throttle::Throttle;
use crate::world::World;

impl World {
    /// Puts a throttle before the module's own calls.
    pub async fn throttle(&mut self, throttle: &Throttle) {
        let retry = RetryConfig::standard()
            .with_max_attempts(6)
            .with_initial_backoff(Duration::from_millis(5))
            .with_max_backoff(Duration::from_millis(20));
        let config = self.account.sdk_config().await.to_builder().retry_config(retry).build();
        self.engine = Engine::new(&throttle.config(&config), self.store.clone(), self.account.target());
    }

    /// Counts what the engine writes to the state.
    pub async fn meter(&mut self, meter: &Throttle) {
        let config = self.account.sdk_config().await;
        let settings = Settings { table: "landfall".to_owned(), bucket: self.store.bucket().to_owned() };
        self.store = Store::new(&meter.config(&config), settings);
        self.engine = Engine::new(&config, self.store.clone(), self.account.target());
    }

    /// Lets the module's own calls be made by a role that may do everything but `action`.
    ///
    /// # Panics
    /// When the role cannot be made or assumed.
    pub async fn deny(&mut self, action: &str) {
        let allow = json!([{ "Effect": "Allow", "NotAction": [action], "Resource": "*" }]);
        self.take_role(&json!({ "Version": "2012-10-17", "Statement": allow }), None).await;
    }

    /// Lets the module's own calls be made by the account's root again.
    pub async fn permit(&mut self) {
        let config = self.account.sdk_config().await;
        self.engine = Engine::new(&config, self.store.clone(), self.account.target());
    }

    /// Lets the module's own calls be made by the role `restricted` with this policy, and this permissions boundary.
    ///
    /// # Panics
    /// When the role cannot be made or assumed.
    pub async fn take_role(&mut self, policy: &Value, boundary: Option<&Value>) {
        let call = |service, operation, parameters: Value| {
            self.account.call(service, operation, &parameters).expect("the local AWS makes the role")
        };
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "AWS": format!("arn:aws:iam::{}:root", self.account.id) },
                "Action": "sts:AssumeRole",
            }],
        });
        let name = "restricted";
        call("iam", "create_role", json!({ "RoleName": name, "AssumeRolePolicyDocument": trust.to_string() }));
        if let Some(boundary) = boundary {
            let document = json!({ "PolicyName": "boundary", "PolicyDocument": boundary.to_string() });
            let arn = call("iam", "create_policy", document)["Policy"]["Arn"].clone();
            let bound = json!({ "RoleName": name, "PermissionsBoundary": arn });
            call("iam", "put_role_permissions_boundary", bound);
        }
        let own = json!({ "RoleName": name, "PolicyName": "own", "PolicyDocument": policy.to_string() });
        call("iam", "put_role_policy", own);
        let arn = format!("arn:aws:iam::{}:role/{name}", self.account.id);
        let taken = call("sts", "assume_role", json!({ "RoleArn": arn, "RoleSessionName": "function" }));
        let text = |field: &str| taken["Credentials"][field].as_str().unwrap_or_default().to_owned();
        let credentials =
            Credentials::from_keys(text("AccessKeyId"), text("SecretAccessKey"), Some(text("SessionToken")));
        let provider = SharedCredentialsProvider::new(credentials);
        let config = self.account.sdk_config().await.to_builder().credentials_provider(provider).build();
        self.engine = Engine::new(&config, self.store.clone(), self.account.target());
    }

    /// Lets the module's own calls be made with nothing but the policy that lies beside its code, and the permission to
    /// ask what it permits; what the engine does to the state stays as it is.
    ///
    /// # Panics
    /// When the policy is none.
    pub async fn restrict(&mut self, policy: &str) {
        let mut policy: Value = serde_json::from_str(policy).expect("a policy is JSON");
        let ask = json!({
            "Sid": "OwnPermissions",
            "Effect": "Allow",
            "Action": "iam:SimulatePrincipalPolicy",
            "Resource": "arn:${AWS::Partition}:iam::${AWS::AccountId}:user/function",
        });
        policy["Statement"].as_array_mut().expect("a policy has statements").push(ask);
        let policy = policy
            .to_string()
            .replace("${AWS::Partition}", "aws")
            .replace("${AWS::Region}", &self.account.region)
            .replace("${AWS::AccountId}", &self.account.id)
            .replace("${ConfigBucket.Arn}", &format!("arn:aws:s3:::{}", self.store.bucket()));
        self.account.cli(&["iam", "create-user", "--user-name", "function"]);
        let put = ["iam", "put-user-policy", "--user-name", "function", "--policy-name", "own", "--policy-document"];
        self.account.cli(&[&put[..], &[&policy]].concat());
        let key = self.account.cli(&["iam", "create-access-key", "--user-name", "function"]);
        let text = |field: &str| key["AccessKey"][field].as_str().unwrap_or_default().to_owned();
        let credentials = Credentials::from_keys(text("AccessKeyId"), text("SecretAccessKey"), None);
        let config = self
            .account
            .sdk_config()
            .await
            .to_builder()
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        self.engine = Engine::new(&config, self.store.clone(), self.account.target());
    }
}
