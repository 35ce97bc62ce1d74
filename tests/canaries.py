"""Values that must not be found, and the search for them: every form in which a value may be written, in every place of
an account in which somebody can read."""

import base64
import json
import re
import urllib.parse
import zlib
from dataclasses import dataclass, field

import invariants

# What one step hands to the next one, deflated, in the history of an execution.
PACKED = re.compile(r'\\*"packed\\*": ?\\*"([A-Za-z0-9+/=]+)')


def forms(value: str) -> dict[str, bytes]:
    """How a value may be written: as it is, and as part of something that was encoded."""
    raw = value.encode()
    escaped = json.dumps(value)[1:-1]
    found = {
        "as it is": raw,
        "in a URL": urllib.parse.quote(value, safe="").encode(),
        "in a form": urllib.parse.quote_plus(value).encode(),
        "in JSON": escaped.encode(),
        "in JSON in JSON": json.dumps(escaped)[1:-1].encode(),
        "in hex": raw.hex().encode(),
    }
    for name, encode in (("base64", base64.b64encode), ("base64 for URLs", base64.urlsafe_b64encode)):
        for offset in range(3):
            # What comes before it decides how its bytes fall into groups of three; the first and the last characters
            # belong to its neighbours, too.
            whole = encode(b"\0" * offset + raw).rstrip(b"=")
            found[f"in {name}, offset {offset}"] = whole[(offset * 8 + 5) // 6 : (offset + len(raw)) * 8 // 6]
    return found


@dataclass
class Traces:
    """All that can be read: text by place. A place begins with the kind of place that it is."""

    found: list[tuple[str, bytes]] = field(default_factory=list)

    def add(self, place: str, what) -> None:
        if not isinstance(what, bytes | str):
            what = json.dumps(what, default=str)
        self.found.append((place, what.encode() if isinstance(what, str) else what))

    def kinds(self) -> set[str]:
        return {place.split(":")[0] for place, _ in self.found}

    def holding(self, value: str) -> dict[str, str]:
        """The places that hold a value, and in which form."""
        wanted = forms(value)
        return {
            place: form for place, text in self.found for form, written in wanted.items() if written in text
        }

    def collect(self, account, table: str) -> None:
        """Reads the whole account, past our own code."""
        for item in invariants.items(account.client("dynamodb"), table):
            self.add(f"table: {item['pk']} {item['sk']}", item)
        self.buckets(account.client("s3"))
        self.executions(account.client("stepfunctions"))
        self.logs(account.client("logs"))
        stacks = account.client("cloudformation").describe_stacks()["Stacks"]
        self.add("stacks: all", stacks)
        functions = account.client("lambda").list_functions()["Functions"]
        self.add("functions: all", functions)

    def buckets(self, s3) -> None:
        for bucket in s3.list_buckets()["Buckets"]:
            name = bucket["Name"]
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
                for one in page.get("Versions", []):
                    got = s3.get_object(Bucket=name, Key=one["Key"], VersionId=one["VersionId"])
                    place = f"bucket: {name}/{one['Key']} {one['VersionId']}"
                    self.add(place, got["Body"].read())
                    self.add(f"{place}, metadata", got["Metadata"])

    def executions(self, sfn) -> None:
        for machine in sfn.list_state_machines()["stateMachines"]:
            pages = sfn.get_paginator("list_executions").paginate(stateMachineArn=machine["stateMachineArn"])
            for arn in [one["executionArn"] for page in pages for one in page["executions"]]:
                self.add(f"execution: {arn}", sfn.describe_execution(executionArn=arn))
                for page in sfn.get_paginator("get_execution_history").paginate(executionArn=arn):
                    self.add(f"execution: {arn}, history", page["events"])
                    for packed in PACKED.findall(json.dumps(page["events"], default=str)):
                        self.add(f"parcel: {arn}", zlib.decompress(base64.b64decode(packed), wbits=-15))

    def logs(self, logs) -> None:
        groups = [one for page in logs.get_paginator("describe_log_groups").paginate() for one in page["logGroups"]]
        for group in groups:
            name = group["logGroupName"]
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
                for one in page["events"]:
                    self.add(f"log: {name}", one["message"])

    def messages(self, sqs, url: str) -> None:
        """Every message that waits in a queue; it is taken out."""
        while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]).get("Messages"):
            for one in got:
                self.add("message: from the queue", one)
                sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
