"""The documents keep to the truth: what they name exists."""

import re

from installation import ROOT

NAMED = re.compile(r"`([\w/.-]+\.(?:rs|py))::(\w+)`")


def named_tests(page: str) -> None:
    named = NAMED.findall((ROOT / page).read_text())
    assert len(named) > 15, "the page names the tests as `path/file::name`"
    for path, name in named:
        file = ROOT / path
        assert file.is_file(), f"{page} names {path}, which is not there"
        found = re.search(rf"^\s*(?:async fn|fn|def) {name}[(<]", file.read_text(), re.MULTILINE)
        assert found, f"{page} names {path}::{name}: correct the page, or say what proves the promise now"


def test_every_test_that_the_security_page_names_exists():
    named_tests("docs/security.md")


def test_every_test_that_the_architecture_names_exists_and_every_invariant_has_one():
    named_tests("ARCHITECTURE.md")
    text = (ROOT / "ARCHITECTURE.md").read_text().split("## Invariants")[1].split("\n## ")[0]
    promises = [*re.split(r"^\d+\. ", text, flags=re.MULTILINE)[1:], *re.findall(r"^\| (?!promise).+", text, re.MULTILINE)]
    unproved = [one[:60] for one in promises if not NAMED.search(one)]
    assert not unproved, f"name the test that holds it: {unproved}"


def test_every_promise_of_the_security_page_has_its_proof():
    rows = [line for line in (ROOT / "docs/security.md").read_text().splitlines() if line.startswith("|")]
    promises = [row for row in rows if not row.startswith(("|---", "| | Promise"))]
    unproved = [row[:80] for row in promises if not NAMED.search(row)]
    assert promises and not unproved, f"name the test that proves it: {unproved}"
