"""The rules of the house that a compiler does not check. Each message says what to do."""

import json
import tomllib

from installation import ROOT, folders

SOURCES = [
    path
    for top in ("crates", "functions", "cli", "bootstrap")
    for path in (ROOT / top).rglob("*.rs")
    if "target" not in path.parts
]
MANIFESTS = [path for top in ("crates", "functions", "cli", "bootstrap") for path in (ROOT / top).rglob("Cargo.toml")]


def test_every_crate_takes_the_lints_of_the_workspace():
    missing = [
        str(path.relative_to(ROOT))
        for path in MANIFESTS
        if tomllib.loads(path.read_text()).get("lints", {}).get("workspace") is not True
    ]
    assert MANIFESTS and not missing, f"add `[lints] workspace = true` to {missing}"


def test_every_file_says_at_its_top_what_it_owns():
    silent = [str(path.relative_to(ROOT)) for path in SOURCES if not path.read_text().lstrip().startswith("//!")]
    assert SOURCES and not silent, f"begin with a `//!` sentence: {silent}"
    empty = [str(path.relative_to(ROOT)) for path in SOURCES if path.read_text().lstrip().splitlines()[0].strip() == "//! ."]
    assert not empty, f"say what the file owns: {empty}"


def test_the_lints_are_configured_in_one_place():
    nested = [str(path.relative_to(ROOT)) for path in ROOT.glob("*/**/clippy.toml") if "target" not in path.parts]
    assert not nested, f"a nested clippy.toml replaces the one of the root whole: move {nested} there"


def test_every_module_is_complete():
    for folder in folders("modules"):
        for name in ("README.md", "examples.json", "policy.json", "tests/conformance.rs"):
            assert (folder / name).exists(), f"functions/modules/{folder.name} lacks {name}; see CONTRIBUTING.md"
        main = (folder / "src/main.rs").read_text().splitlines()
        assert len(main) < 15, f"functions/modules/{folder.name}/src/main.rs holds more than the entry"


def test_policies_are_policies():
    for folder in [*folders("control"), *folders("modules")]:
        policy = json.loads((folder / "policy.json").read_text())
        assert policy["Version"] == "2012-10-17", folder
        sids = [statement["Sid"] for statement in policy["Statement"]]
        assert len(sids) == len(set(sids)), f"two statements of {folder.name} have one Sid"


def test_tests_are_not_skipped():
    for path in SOURCES:
        assert "#[ignore" not in path.read_text(), f"{path.relative_to(ROOT)} ignores a test: mend it or remove it"


def test_no_function_depends_on_another_function():
    packages = {tomllib.loads(path.read_text())["package"]["name"] for path in (ROOT / "functions").rglob("Cargo.toml")}
    for path in (ROOT / "functions").rglob("Cargo.toml"):
        manifest = tomllib.loads(path.read_text())
        used = set(manifest.get("dependencies", {})) & packages
        assert not used, f"{path.relative_to(ROOT)} depends on {used}: move what they share to a crate"


def test_the_catalogue_and_the_plan_link_no_aws_sdk():
    for crate in ("config", "catalog", "plan"):
        manifest = tomllib.loads((ROOT / "crates" / crate / "Cargo.toml").read_text())
        linked = [name for name in manifest.get("dependencies", {}) if name.startswith("aws-")]
        assert not linked, f"crates/{crate} links {linked}; the command and the planner would grow by it"
