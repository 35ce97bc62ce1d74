"""The documents keep to the truth: what they name exists."""

import re

from installation import ROOT

NAMED = re.compile(r"`([\w/.-]+\.(?:rs|py))::(\w+)`")


def test_every_test_that_the_security_page_names_exists():
    named = NAMED.findall((ROOT / "docs/security.md").read_text())
    assert len(named) > 20, "the page names the tests as `path/file::name`"
    for path, name in named:
        file = ROOT / path
        assert file.is_file(), f"docs/security.md names {path}, which is not there"
        found = re.search(rf"^\s*(?:async fn|fn|def) {name}\(", file.read_text(), re.MULTILINE)
        assert found, f"docs/security.md names {path}::{name}: correct the page, or say what proves the promise now"


def test_every_promise_of_the_security_page_has_its_proof():
    rows = [line for line in (ROOT / "docs/security.md").read_text().splitlines() if line.startswith("|")]
    promises = [row for row in rows if not row.startswith(("|---", "| | Promise"))]
    unproved = [row[:80] for row in promises if not NAMED.search(row)]
    assert promises and not unproved, f"name the test that proves it: {unproved}"
