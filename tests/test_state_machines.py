"""What a deployment costs in history events, counted from the definitions: the local AWS writes no history to count."""

import json

from installation import ROOT

# Events that Step Functions writes for one pass through a state
# (https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html).
ENTERED_AND_EXITED = 2
TASK = ENTERED_AND_EXITED + 3  # scheduled, started, succeeded
SUBMITTED = 1  # of .waitForTaskToken and .sync
ITERATION = 2  # started, succeeded
EXECUTION = 2  # started, succeeded


def machine(name: str) -> dict:
    return json.loads((ROOT / "statemachines" / f"{name}.asl.json").read_text())


def events(states: dict, path: list[str]) -> int:
    total = 0
    for name in path:
        state = states[name]
        total += TASK if state["Type"] == "Task" else ENTERED_AND_EXITED
        if state["Type"] == "Task" and state["Resource"].endswith((".waitForTaskToken", ".sync:2")):
            total += SUBMITTED
    return total


def follows(states: dict, path: list[str]) -> bool:
    """Whether every state of a path can lead to the next one."""
    for name, following in zip(path, path[1:]):
        state = states[name]
        nexts = {state.get("Next"), state.get("Default"), *(choice.get("Next") for choice in state.get("Choices", []))}
        if following not in nexts:
            return False
    return True


def maps() -> dict[str, dict]:
    """The two Maps of the modules that change: those that begin at once, and those that wait for others."""
    branches = machine("deploy")["States"]["Modules"]["Branches"]
    return {name: state for branch in branches for name, state in branch["States"].items()}


def test_a_module_that_changes_costs_at_most_25_events():
    """Of a module that is the only one of its batch; a batch costs the same, however many modules it has."""
    states = machine("module")["States"]
    path = ["Await", "Reconcile", "Stepped", "Done"]
    assert follows(states, path) and machine("module")["StartAt"] == path[0]
    parent = maps()["Waiting"]["ItemProcessor"]
    total = EXECUTION + events(states, path) + ITERATION + events(parent["States"], [parent["StartAt"]])
    assert parent["States"][parent["StartAt"]].get("End") is True
    assert total <= 25, total


def test_a_module_that_waits_for_nothing_costs_no_execution():
    ready = maps()["Ready"]["ItemProcessor"]
    path = ["FirstStep", "Stepped", "Over"]
    assert follows(ready["States"], path) and ready["StartAt"] == path[0]
    assert ITERATION + events(ready["States"], path) == 11
    # What AWS works on for long goes on in an execution of its own: a history has room for 25,000 events.
    assert follows(ready["States"], ["FirstStep", "Stepped", "WaitForAws", "GoOn"])
    assert ready["States"]["GoOn"]["Resource"].endswith("startExecution.sync:2")
    assert ready["States"]["FirstStep"]["Arguments"]["Payload"].keys() == (
        machine("module")["States"]["Reconcile"]["Arguments"]["Payload"].keys()
    )


def test_a_module_that_does_not_change_costs_nothing_beyond_its_plan():
    states = machine("deploy")["States"]
    plan = states["PlanModules"]["ItemProcessor"]
    assert plan["States"][plan["StartAt"]].get("End") is True
    assert ITERATION + events(plan["States"], [plan["StartAt"]]) == 7
    # Only modules that change are in the other Maps: the planner leaves the others out.
    assert {name: state["Items"] for name, state in maps().items()} == {
        "Ready": "{% $ready %}",
        "Waiting": "{% $waiting %}",
    }


def test_every_failure_of_a_deployment_leads_to_its_end():
    states = machine("deploy")["States"]
    for name, state in states.items():
        if state["Type"] in ("Task", "Map", "Parallel") and name != "Finish":
            caught = [catch for catch in state.get("Catch", []) if "States.ALL" in catch["ErrorEquals"]]
            assert caught and caught[-1]["Next"] == "Finish", name
    assert states["Finish"]["Retry"][0]["ErrorEquals"] == ["States.ALL"]


def test_no_module_is_named_in_the_state_machines():
    kinds = {path.name for path in (ROOT / "functions/modules").iterdir()}
    for name in ("deploy", "module"):
        text = json.dumps(machine(name))
        assert not any(f'"{kind}"' in text or f"landfall-{kind}" in text for kind in kinds)
