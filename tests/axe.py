"""What axe-core finds on a page in a browser.

axe-core is not among what the kit needs. `npm pack axe-core` fetches it; AXE_CORE names its file axe.min.js.
"""

import os
from pathlib import Path
from typing import Any

import pytest


def axe_core() -> str:
    """The program that runs in a page. Skips the test where there is none."""
    path = os.environ.get("AXE_CORE", "")
    if not Path(path).is_file():
        pytest.skip("axe is not here: AXE_CORE does not name the file axe.min.js of axe-core")
    return Path(path).read_text("utf-8")


def faults(page: Any, axe: str, *, exclude: tuple[str, ...] = (), without: str = "") -> list[str]:
    """The rules that something on the page breaks, and where."""
    page.evaluate(axe)
    context = {"include": [["html"]], "exclude": [[selector] for selector in exclude]}
    options = {"resultTypes": ["violations"], "rules": {without: {"enabled": False}} if without else {}}
    found = page.evaluate("([context, options]) => axe.run(context, options)", [context, options])
    return [f"{rule['id']}: {node['html'][:120]}" for rule in found["violations"] for node in rule["nodes"]]
