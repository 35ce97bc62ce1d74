"""What is not acceptable becomes a rejected deployment that says why, visible in the API and on the topic."""


import boto3
from conftest import ACCOUNT, Listener, environment, service, until

SQS = "modules:\n  - name: orders\n    type: sqs"


def rejected(landfall, key, body, layer, **metadata):
    ended = landfall.deploy(key, body, layer, **metadata)
    assert ended["status"] == "rejected", ended
    return f"{ended['message']}\n{ended['diagnostics']}"


def test_an_empty_file_is_rejected(landfall):
    layer = landfall.name("empty")
    assert "empty" in rejected(landfall, f"{layer}.yaml", b"", layer)


def test_a_binary_file_is_rejected(landfall):
    layer = landfall.name("binary")
    assert f"{layer}.yaml" in rejected(landfall, f"{layer}.yaml", bytes(range(256)) * 64, layer)


def test_a_file_of_five_megabytes_is_rejected(landfall):
    layer = landfall.name("large")
    assert "large" in rejected(landfall, f"{layer}.yaml", b"# filler\n" * 600_000, layer)


def test_a_yaml_bomb_is_rejected(landfall):
    layer = landfall.name("bomb")
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "alias" in rejected(landfall, f"{layer}.yaml", "\n".join(rows), layer)


def test_every_error_of_a_file_is_told_at_once_with_its_place(landfall):
    layer = landfall.name("wrong")
    text = environment(layer, "modules:\n  - type: bas\n  - name: q\n    type: sqs\n    delay_second: 1\n    fifo: 7")
    told = rejected(landfall, f"{layer}.yaml", text, layer)
    for fact in (f"{layer}.yaml:8", "bas", "`base`", f"{layer}.yaml:11", "`delay_seconds`", f"{layer}.yaml:12", "true or false"):
        assert fact in told, told


def test_a_kind_without_a_function_is_rejected_with_its_place(landfall):
    layer = landfall.name("newer")
    text = environment(layer, "modules:\n  - type: base\n  - type: k8s-cluster")
    told = rejected(landfall, f"{layer}.yaml", text, layer)
    assert "not supported by this installation" in told and f"{layer}.yaml:9" in told, told


def test_an_account_that_is_not_ours_is_rejected(landfall):
    layer = landfall.name("account")
    text = environment(layer, SQS).replace(ACCOUNT, "123456789012")
    told = rejected(landfall, f"{layer}.yaml", text, layer)
    assert "123456789012" in told and ACCOUNT in told, told


def test_a_second_key_of_the_same_layer_is_rejected_and_told_how_to_move_it(landfall):
    layer = landfall.name("owned")
    landfall.deploy(f"{layer}.yaml", environment(layer, SQS), layer)
    told = rejected(landfall, f"elsewhere/{layer}.yaml", environment(layer, SQS), layer)
    assert f"belongs to {layer}.yaml" in told and f"landfall destroy {layer}" in told, told


def test_a_key_that_held_a_layer_may_not_turn_into_something_else(landfall):
    layer = landfall.name("turned")
    landfall.deploy(f"{layer}.yaml", environment(layer, SQS), layer)
    assert "declares no layer" in rejected(landfall, f"{layer}.yaml", "replicaCount: 3\n", layer)


def test_yaml_that_is_no_layer_is_only_noted(landfall):
    key = f"{landfall.name('values')}.yaml"
    landfall.upload(key, "replicaCount: 3\nimage:\n  tag: v1\n")
    marker = landfall.name("marker")
    landfall.deploy(f"{marker}.yaml", environment(marker), marker)
    assert key.removesuffix(".yaml") not in [layer["layer"] for layer in landfall.get("/layers")["layers"]]


def test_a_service_whose_environment_is_not_deployed_is_told_what_to_do(landfall):
    app = landfall.name("early")
    told = rejected(landfall, f"{app}.yaml", service(app, "./nowhere.yaml", "prod", SQS), app)
    assert "not deployed" in told and "deploy ./nowhere.yaml first" in told, told


def test_several_environments_without_a_choice_are_listed(landfall):
    blue, green, app = landfall.name("blue"), landfall.name("green"), landfall.name("choice")
    for name in (blue, green):
        landfall.deploy(f"{name}.yaml", environment(name), name)
    text = (
        f"name: {app}\nenvironments:\n  - name: {blue}\n    path: {blue}.yaml\n"
        f"  - name: {green}\n    path: {green}.yaml\n{SQS}\n"
    )
    told = rejected(landfall, f"{app}.yaml", text, app)
    assert blue in told and green in told and "landfall-environment" in told, told
    ended = landfall.deploy(f"{app}.yaml", text + "# again\n", app, landfall_environment=green)
    assert ended["status"] == "succeeded", ended
    assert landfall.get(f"/layers/{app}")["environment"] == green


def test_a_rejection_is_announced_on_the_topic(landfall):
    layer = landfall.name("heard")
    topic = Listener(landfall, f"{layer}-listener")
    rejected(landfall, f"{layer}.yaml", "name: [", layer)

    def heard():
        return next((one for one in topic.heard(layer) if one["status"] == "rejected"), None)

    told = until(heard, "the rejection was announced")
    assert f"{layer}.yaml" in told["message"]


def test_a_layer_that_exists_is_not_moved_to_another_region_by_an_edit(landfall):
    layer = landfall.name("settled")
    landfall.deploy(f"{layer}.yaml", environment(layer, SQS), layer)
    moved = environment(layer, SQS).replace("us-east-1", "eu-west-1")
    told = rejected(landfall, f"{layer}.yaml", moved, layer)
    assert "us-east-1" in told and "cannot be moved to eu-west-1" in told and f"landfall destroy {layer}" in told, told


def test_a_label_that_names_another_environment_than_its_path_is_rejected(landfall):
    meant, other, app = landfall.name("meant"), landfall.name("other"), landfall.name("strayed")
    landfall.deploy(f"{meant}/env.yaml", environment(meant), meant)
    landfall.deploy(f"{other}/env.yaml", environment(other), other)
    told = rejected(landfall, f"{other}/{app}.yaml", service(app, "./env.yaml", meant, SQS), app)
    assert f"is environment {other}, not {meant}" in told, told
    free = service(app, "./env.yaml", "anything", SQS)
    assert landfall.deploy(f"{other}/{app}.yaml", free, app)["status"] == "succeeded"


def test_a_second_layer_under_the_key_of_a_first_is_told_which_key_to_use(landfall):
    first, second = landfall.name("first"), landfall.name("second")
    landfall.deploy(f"{first}-env.yaml", environment(first), first)
    told = rejected(landfall, f"{first}-env.yaml", environment(second), second)
    assert f"holds layer {first}" in told and f"--key {second}/{first}-env.yaml" in told, told


def test_modules_that_cannot_be_planned_are_told_all_at_once_and_are_no_fault_of_a_function(landfall):
    layer = landfall.name("unplanned")
    taken = f"taken-{layer}"
    other = boto3.client("s3", endpoint_url=landfall.account.endpoint, region_name="us-east-1",
                         aws_access_key_id="111111111111", aws_secret_access_key="test")
    other.create_bucket(Bucket=taken)
    modules = f"""modules:
  - type: base
    vpc_id: vpc-0123456789abcdef0
    public_subnet_ids: [subnet-0123456789abcdef0]
    private_subnet_ids: [subnet-0123456789abcdef1, subnet-0123456789abcdef2]
  - name: files
    type: s3
    bucket_name: {taken}
  - name: orders
    type: sqs"""
    ended = landfall.deploy(f"{layer}.yaml", environment(layer, modules), layer)
    assert (ended["status"], ended["message"]) == ("failed", "base, files cannot be planned"), ended
    told = ended["diagnostics"]
    assert "vpc-0123456789abcdef0" in told and "there is a bucket of this name already, in another AWS account or region" in told, told
    assert landfall.errors("base") == [] and landfall.errors("s3") == []
    assert landfall.tagged(layer) == [], "nothing was made"


def test_a_module_does_not_become_something_else_under_its_name(landfall):
    layer = landfall.name("turning")
    landfall.deploy(f"{layer}.yaml", environment(layer, SQS), layer)
    told = rejected(landfall, f"{layer}.yaml", environment(layer, SQS.replace("sqs", "sns")), layer)
    assert "orders is deployed as sqs and cannot become sns" in told and "another name" in told, told


def test_a_region_with_fewer_zones_than_an_environment_spans_is_told_before_anything_is_made(landfall):
    layer = landfall.name("narrow")
    text = environment(layer, "modules:\n  - type: base").replace("us-east-1", "us-west-1")
    ended = landfall.deploy(f"{layer}.yaml", text, layer)
    assert (ended["status"], ended["message"]) == ("failed", "base cannot be planned"), ended
    told = ended["diagnostics"]
    assert "us-west-1 offers 2 standard zones to this account, an environment spans 3" in told, told
    assert "deploy to another region, or use an existing network" in told, told
    assert landfall.tagged(layer) == [], "nothing was made"
