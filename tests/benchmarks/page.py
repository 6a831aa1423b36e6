"""`make costs`: the result of a whole run goes to notebooks/costs.json, and the page of costs is run again.

A result that lacks a part, or that ended for want of time, is refused: the page would have holes."""

import json
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

GROUPS = {"repository", "eager loading", "bulk", "transfers", "web", "listings", "start", "checks", "nbval"}
NOTEBOOKS = Path("notebooks")


def holes(result: dict[str, Any]) -> list[str]:
    """What the page would miss."""
    without = sorted(GROUPS - {each["group"] for each in result["cases"]})
    late = [
        f"{each['operation']} ({each['database']})" for each in result["not_measured"] if each["way"] is None
    ]
    aims = [f"aim {each['operation']} ({each['database']})" for each in result["aims"] if each["met"] is None]
    return without + late + aims


def in_lines(result: dict[str, Any]) -> str:
    """As JSON with a line for each case, so that two runs can be compared by eye."""
    parts = []
    for name, value in result.items():
        if isinstance(value, list):
            lines = ",\n".join("  " + json.dumps(each, ensure_ascii=False) for each in value)
            parts.append(f" {json.dumps(name)}: [\n{lines}\n ]")
        else:
            parts.append(f" {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(source: Path) -> None:
    result = json.loads(source.read_text("utf-8"))
    if missing := holes(result):
        sys.exit(f"{source} is no whole run; it lacks {', '.join(missing)}")
    (NOTEBOOKS / "costs.json").write_text(in_lines(result), "utf-8")
    path = NOTEBOOKS / "costs.ipynb"
    notebook: Any = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(NOTEBOOKS)}}
    NotebookClient(notebook, kernel_name="python3", record_timing=False, resources=where).execute()
    nbformat.write(notebook, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
