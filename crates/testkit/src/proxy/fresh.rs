//! What the real AWS has and an emulator lacks: new things that are not found yet, that are not ready yet, deleted
//! things that take their time, roles that nobody knows yet.

use std::time::{Duration, Instant};

use super::answer::Failure;
use super::call::{Call, Protocol, contains_word};
use super::kinds::{Kind, depth};
use super::xml::{self, child, elements};

/// When AWS shows everything that was made, however seldom somebody looked. It speaks of seconds
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>); looks alone would hide things for
/// minutes on a slow machine.
const SHOWN_AFTER: Duration = Duration::from_secs(10);

/// Something that was created or deleted a while ago.
#[derive(Debug)]
struct Fresh {
    kind: &'static Kind,
    id: String,
    born: Instant,
    hidden: u32,
    pending: u32,
    deleting: u32,
}

/// How long things stay fresh, by the rules that fit the call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    pub(super) lag: u32,
    pub(super) linger: u32,
    pub(super) unassumable: u32,
}

/// Everything fresh.
#[derive(Debug, Default)]
pub(super) struct Freshness {
    things: Vec<Fresh>,
    /// Names of roles, and how often they are refused yet.
    roles: Vec<(String, u32)>,
}

impl Freshness {
    /// Refuses what names something that is not to be seen yet.
    pub(super) fn refuse(&mut self, call: &Call) -> Option<Failure> {
        self.age();
        if call.mutating || call.service == "sts" {
            let role = self.roles.iter_mut().find(|(role, left)| *left > 0 && passes_role(call, role))?;
            role.1 -= 1;
            return Some(Failure::unknown_principal(call, &role.0));
        }
        for thing in self.things.iter_mut().filter(|thing| thing.hidden > 0 && thing.kind.service == call.service) {
            if asks_for(call, thing) {
                thing.hidden -= 1;
                return Some(Failure::not_found(call, &thing.id));
            }
        }
        None
    }

    /// Notes what a call that succeeded created or deleted; answers its id.
    pub(super) fn note(&mut self, call: &Call, answer: &str, patience: Patience) -> Option<String> {
        if let Some((kind, id)) = Kind::deleted_by(call) {
            self.things.retain(|thing| thing.id != id);
            self.add(Fresh { kind, id, born: Instant::now(), hidden: 0, pending: 0, deleting: patience.linger });
            return None;
        }
        let kind = Kind::created_by(call)?;
        let id = kind.id(call, answer)?;
        if kind.create == "CreateRole" && patience.unassumable > 0 {
            self.roles.push((id.clone(), patience.unassumable));
        }
        // Made once more, it is not new.
        if self.things.iter().all(|thing| thing.id != id) {
            let pending = if kind.state.is_some() { patience.linger } else { 0 };
            let born = Instant::now();
            self.add(Fresh { kind, id: id.clone(), born, hidden: patience.lag, pending, deleting: 0 });
        }
        Some(id)
    }

    fn add(&mut self, thing: Fresh) {
        if thing.hidden + thing.pending + thing.deleting > 0 {
            self.things.push(thing);
        }
    }

    /// Shows what is hidden no longer, whoever looked.
    fn age(&mut self) {
        for thing in self.things.iter_mut().filter(|thing| thing.born.elapsed() >= SHOWN_AFTER) {
            thing.hidden = 0;
        }
    }

    /// The answer to a read as it is while things are fresh.
    pub(super) fn disguise(&mut self, call: &Call, answer: &str) -> String {
        self.age();
        let mut answer = answer.to_owned();
        for thing in &mut self.things {
            let Some(field) = thing.kind.listed_by(call) else { continue };
            if thing.hidden > 0 {
                if let Some(without) = without(call, &answer, field, &thing.id) {
                    thing.hidden -= 1;
                    answer = without;
                }
            } else if thing.pending + thing.deleting > 0
                && let Some(changed) = lingering(thing.kind, &answer, field, thing)
            {
                if thing.deleting > 0 {
                    thing.deleting -= 1;
                } else {
                    thing.pending -= 1;
                }
                answer = changed;
            }
        }
        answer
    }
}

/// Whether a call asks for the thing itself, not for what fits a filter.
fn asks_for(call: &Call, thing: &Fresh) -> bool {
    match call.protocol {
        // Lists of EC2 name ids in parameters of their own, beside filters.
        Protocol::Ec2 => call.parameters.iter().any(|(name, value)| !name.starts_with("Filter") && *value == thing.id),
        _ if thing.kind.listed_by(call).is_some() && is_list(&call.operation) => false,
        _ => call.names(&thing.id),
    }
}

fn is_list(operation: &str) -> bool {
    operation.starts_with("List") || operation == "DescribeLogGroups"
}

/// Calls that keep or carry any text: what is named in it is no principal.
const CARRIERS: &[(&str, &str)] = &[("dynamodb", ""), ("states", ""), ("s3", "PutObject"), ("sns", "Publish")];

/// Whether a call passes a role to a service or names it as a principal: its ARN is in the request, and it is not the
/// role itself that is worked on.
fn passes_role(call: &Call, role: &str) -> bool {
    let carries = |(service, operation): &(&str, &str)| {
        call.service == *service && (operation.is_empty() || call.operation == *operation)
    };
    if CARRIERS.iter().any(carries) {
        return false;
    }
    let named = contains_word(&call.text, &format!("role/{role}"));
    named && call.parameter("RoleName").is_none_or(|own| own != role)
}

fn without(call: &Call, answer: &str, field: &str, id: &str) -> Option<String> {
    if call.protocol == Protocol::Json {
        let mut value: serde_json::Value = serde_json::from_str(answer).ok()?;
        let mut found = false;
        for (_, list) in value.as_object_mut()? {
            if let Some(list) = list.as_array_mut() {
                let before = list.len();
                list.retain(|item| !is_it(item, field, id));
                found |= list.len() < before;
            }
        }
        return found.then(|| value.to_string());
    }
    let items: Vec<_> = elements(answer, depth(call))
        .into_iter()
        .filter(|item| {
            let whole = &answer[item.whole.clone()];
            child(whole, field).is_some_and(|range| whole[range].trim() == id)
        })
        .collect();
    (!items.is_empty()).then(|| xml::without(answer, &items))
}

fn is_it(item: &serde_json::Value, field: &str, id: &str) -> bool {
    if field.is_empty() { contains_word(&item.to_string(), id) } else { item.get(field).is_some_and(|own| own == id) }
}

fn lingering(kind: &Kind, answer: &str, field: &str, thing: &Fresh) -> Option<String> {
    let state = kind.state.as_ref()?;
    let item = elements(answer, 2).into_iter().find(|item| {
        let whole = &answer[item.whole.clone()];
        child(whole, field).is_some_and(|range| whole[range].trim() == thing.id)
    })?;
    let whole = &answer[item.whole.clone()];
    let range = child(whole, state.field)?;
    let shown = &whole[range.clone()];
    let (_, word) = state.words.iter().find(|(real, _)| *real == shown)?;
    let from = item.whole.start + range.start;
    Some(format!("{}{word}{}", &answer[..from], &answer[from + shown.len()..]))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn call(service: &str, body: &str) -> Call {
        let scope = format!("AWS4-HMAC-SHA256 Credential=A/20261125/us-east-1/{service}/aws4_request, SignedHeaders=x");
        let request = Request::post("/")
            .header("authorization", scope)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(())
            .expect("a request");
        Call::of(&request.into_parts().0, body.as_bytes())
    }

    const VPCS: &str = "<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId><state>available</state></item>\
                        <item><vpcId>vpc-2</vpcId><state>available</state></item></vpcSet></DescribeVpcsResponse>";

    fn with(patience: Patience) -> Freshness {
        let mut fresh = Freshness::default();
        let answer = "<CreateVpcResponse><vpc><vpcId>vpc-2</vpcId></vpc></CreateVpcResponse>";
        assert_eq!(fresh.note(&call("ec2", "Action=CreateVpc"), answer, patience).as_deref(), Some("vpc-2"));
        fresh
    }

    #[test]
    fn what_is_new_is_left_out_of_lists_and_not_found_by_its_id() {
        let mut fresh = with(Patience { lag: 3, ..Patience::default() });
        let list = call("ec2", "Action=DescribeVpcs&Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-2");
        let by_id = call("ec2", "Action=DescribeVpcs&VpcId.1=vpc-2");
        assert_eq!(fresh.refuse(&list), None);
        let seen = fresh.disguise(&list, VPCS);
        assert!(seen.contains("vpc-1") && !seen.contains("vpc-2"), "{seen}");
        assert_eq!(fresh.refuse(&by_id).map(|failure| failure.code).as_deref(), Some("InvalidVpcID.NotFound"));
        assert_eq!(fresh.refuse(&call("ec2", "Action=DescribeSubnets&Filter.1.Value.1=vpc-2")), None);
        assert!(fresh.refuse(&by_id).is_some());
        assert_eq!(fresh.refuse(&by_id), None);
        assert_eq!(fresh.disguise(&list, VPCS), VPCS);
    }

    #[test]
    fn what_nobody_looked_for_is_shown_once_it_is_old() {
        let mut fresh = with(Patience { lag: 3, ..Patience::default() });
        let list = call("ec2", "Action=DescribeVpcs");
        assert!(!fresh.disguise(&list, VPCS).contains("vpc-2"));
        for thing in &mut fresh.things {
            thing.born = thing.born.checked_sub(SHOWN_AFTER).expect("a moment before");
        }
        assert_eq!(fresh.refuse(&call("ec2", "Action=DescribeVpcs&VpcId.1=vpc-2")), None);
        assert_eq!(fresh.disguise(&list, VPCS), VPCS);
    }

    #[test]
    fn what_is_new_stays_pending() {
        let mut fresh = with(Patience { linger: 1, ..Patience::default() });
        let list = call("ec2", "Action=DescribeVpcs");
        let seen = fresh.disguise(&list, VPCS);
        assert!(seen.contains("<vpcId>vpc-2</vpcId><state>pending</state>"), "{seen}");
        assert!(seen.contains("<vpcId>vpc-1</vpcId><state>available</state>"), "{seen}");
        assert_eq!(fresh.disguise(&list, VPCS), VPCS);
    }

    #[test]
    fn a_new_role_is_no_principal_at_first() {
        let mut fresh = Freshness::default();
        let patience = Patience { unassumable: 1, ..Patience::default() };
        fresh.note(&call("iam", "Action=CreateRole&RoleName=worker"), "", patience);
        let own = call("iam", "Action=PutRolePolicy&RoleName=worker&PolicyDocument=role/worker");
        let passes = call("ec2", "Action=CreateFlowLogs&DeliverLogsPermissionArn=arn:aws:iam::1:role/worker");
        let mut records = call("dynamodb", "");
        records.text = r#"{"arn":"arn:aws:iam::1:role/worker"}"#.to_owned();
        records.mutating = true;
        assert_eq!((fresh.refuse(&own), fresh.refuse(&records)), (None, None));
        assert!(fresh.refuse(&passes).is_some());
        assert_eq!(fresh.refuse(&passes), None);
    }
}
