"""What always holds of the state once nothing runs, checked on the table itself, past our own code."""

import json
from collections import defaultdict

from boto3.dynamodb.types import TypeDeserializer
from conftest import until

PLAIN = TypeDeserializer()


def items(dynamodb, table: str) -> list[dict]:
    """Every item of the table."""
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    found = [item for page in pages for item in page["Items"]]
    return [{name: PLAIN.deserialize(value) for name, value in item.items()} for item in found]


def broken(found: list[dict], layers: set[str]) -> list[str]:
    """What does not hold of these layers, in words; nothing when all is well."""
    wrong = []
    for layer, records in by_layer(found).items():
        if layer in layers:
            wrong += [f"{layer}: {what}" for what in of_layer(records)]
    return wrong


def by_layer(found: list[dict]) -> dict[str, dict[str, dict]]:
    grouped = defaultdict(dict)
    for item in found:
        if item["pk"].startswith("LAYER#"):
            grouped[item["pk"].removeprefix("LAYER#")][item["sk"]] = item
    return grouped


def of_layer(records: dict[str, dict]):
    queue = records.get("QUEUE", {})
    for place in ("running", "waiting"):
        if queue.get(place) is not None:
            yield f"{queue[place]} is still {place}"
    if records.get("LEASE", {}).get("holder"):
        yield f"its lease is held by {records['LEASE']['holder']}"
    if records.get("LEASE", {}).get("cancelled") is not None:
        yield "a cancellation outlived its lease"
    deployments = [record for sk, record in sorted(records.items()) if sk.startswith("DEPLOYMENT#")]
    numbers = [int(one["number"]) for one in deployments]
    # Looks for drift are forgotten, and counted.
    forgotten = int(records.get("DRIFT", {}).get("forgotten", 0))
    if not forgotten and numbers != list(range(1, len(numbers) + 1)):
        yield f"its deployments are numbered {numbers}"
    if int(records["LAYER"]["counter"]) != len(numbers) + forgotten:
        yield f"it counts {records['LAYER']['counter']} deployments and has {len(numbers)}, and {forgotten} forgotten looks"
    for one in deployments:
        if one["status"] in ("queued", "running"):
            yield f"deployment {one['number']} is {one['status']}"
        if one.get("finished_at") is None:
            yield f"deployment {one['number']} has no end"
        if one["status"] == "superseded" and not one["superseded_by"] > one["number"]:
            yield f"deployment {one['number']} was superseded by {one['superseded_by']}"
    ran = sorted((one["started_at"], one["finished_at"], int(one["number"])) for one in deployments if one.get("started_at"))
    for (_, ended, before), (began, _, after) in zip(ran, ran[1:]):
        if began < ended:
            yield f"deployment {after} began at {began}, before {before} ended at {ended}"
    changes = [record for sk, record in records.items() if sk.startswith("CHANGE#")]
    if sorted(int(change["number"]) for change in changes) != numbers:
        yield "its changes and its deployments do not belong to each other"
    for sk, record in records.items():
        # One of a service that died, or does not wait any more, ends by its time; whoever takes the environment next
        # removes it.
        if sk.startswith("SHARED#") and not record.keys() & {"quiet_for", "waits"}:
            yield f"{sk} is left"
        if sk.startswith("APPROVAL#"):
            yield f"{sk} still waits"
        if sk.startswith("RES#") and record["status"] != "applied":
            yield f"{sk} is {record['status']}"
        if sk.startswith("MODULE#") and not record["complete"]:
            yield f"{sk} is not complete"


def settled(landfall, layers: list[str], seconds: float = 120) -> None:
    """Waits until nothing runs or waits, then holds the table against what always holds."""

    def idle():
        known = {one["layer"]: one for one in landfall.get("/layers")["layers"]}
        return all(layer in known and not known[layer]["running"] and not known[layer]["waiting"] for layer in layers)

    until(idle, f"nothing runs of {len(layers)} layers", seconds)

    def true():
        # The lease is given back in the transaction before the one that ends the deployment.
        found = items(landfall.account.client("dynamodb"), landfall.installation.table)
        wrong[:] = broken(found, set(layers))
        return not wrong

    wrong: list[str] = []
    try:
        until(true, "the table is true", 10)
    except AssertionError as error:
        raise AssertionError("\n".join(wrong)) from error
    # What the product says of the same table. Other tests leave other layers behind, broken ones among them.
    diagnosed = json.loads(landfall.installation.landfall("doctor", "--deep", "--json", check=False).stdout)
    assert diagnosed["deep"]["complete"]
    assert [one for one in diagnosed["deep"]["broken"] if one["layer"] in layers] == []
