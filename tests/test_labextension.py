"""The extension of JupyterLab is found, and says the same as the Python that it draws the forms of."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course_lib.lab import forms
from course_lib.school.kit_files import NOTEBOOKS, ROOT

FOLDER = ROOT / "course_lib/school/program/labextension"
SCRIPT = (FOLDER / "static/remoteEntry.js").read_text("utf-8")
KINDS = [kind for kind in vars(forms).values() if hasattr(kind, "mime")]
LESSONS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def shared_data() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    copied: dict[str, str] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    return copied


def keys_read(kind: str, script: str = SCRIPT) -> set[str]:
    """The fields of the content that the JavaScript class of a kind reads."""
    found = re.search(rf"class {kind} extends Form \{{(.*?)\n    \}}\n", script, re.DOTALL)
    assert found
    taken = re.findall(r"\{ ([\w, ]+) \} = this\.content\b", found[1])
    single = re.findall(r"this\.content\.(\w+)", found[1])
    return {*", ".join([*taken, *single]).split(", ")}


def predictions(source: str) -> Iterator[Any]:
    """The question of each call of predict in a cell."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "predict":
            yield ast.literal_eval(node.args[0])


def is_found(question: str, source: str) -> bool:
    """Whether the extension finds the place for the answer: behind the question, in the same call."""
    spellings = (question, json.dumps(question, ensure_ascii=False)[1:-1])
    behind = max((source.partition(text)[2] for text in spellings), key=len).partition("predict(")[0]
    return re.search(r"\banswer=", behind) is not None


def test_each_kind_is_drawn_by_the_class_of_its_name() -> None:
    drawn = dict(re.findall(r"'(application/vnd\.course\.\w+\+json)': (\w+)", SCRIPT))
    assert drawn == {kind.mime: kind.__name__ for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_script_reads_the_fields_that_there_are(kind: Any) -> None:
    assert keys_read(kind.__name__) == {field.name for field in fields(kind)}


def test_another_key_is_noticed() -> None:
    assert "verdict" in keys_read("Ask", SCRIPT.replace("this.content.answer", "this.content.verdict"))


def test_the_script_makes_no_markup_and_asks_no_host() -> None:
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|://|fetch\(", SCRIPT) == []


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_each_prediction_of_the_lessons_can_be_answered_by_a_click(lesson: Path) -> None:
    cells = [cell.source for cell in nbformat.read(lesson, as_version=4).cells if cell.cell_type == "code"]
    asked = [(question, cell) for cell in cells if "predict(" in cell for question in predictions(cell)]
    assert [question for question, cell in asked if not is_found(question, cell)] == []


def test_a_question_in_two_strings_is_not_found() -> None:
    assert is_found("How many?", 'predict("How many?", answer=None)')
    assert not is_found("How many?", 'predict("How " "many?", answer=None)')
    assert not is_found("How many?", 'predict("How many?")\npredict("Or?", answer=None)')


def test_jupyterlab_finds_the_extension(tmp_path: Path) -> None:
    """Laid where pyproject.toml says that the installation lays it."""
    place = shared_data()[FOLDER.relative_to(ROOT).as_posix()]
    shutil.copytree(FOLDER, tmp_path / place)
    where = {"JUPYTER_PATH": str(tmp_path / "share/jupyter"), "JUPYTER_CONFIG_DIR": str(tmp_path / "config")}
    words = [sys.executable, "-m", "jupyter", "labextension", "list"]
    listed = subprocess.run(words, env=os.environ | where, capture_output=True, text=True, check=True)
    told = re.sub(r"\x1b\[\d+m", "", listed.stderr + listed.stdout)
    assert re.search(rf"{tmp_path}\S+\n(?:.*\n)*? +course-forms v\S+ enabled OK", told)


def test_a_changed_file_that_is_copied_reaches_an_environment() -> None:
    """pip copies these files when it installs: make has to install again when one of them is another."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    [copied] = re.findall(r"^COPIED := (.+)$", makefile, flags=re.MULTILINE)
    files = {path for word in copied.split() for path in ROOT.glob(word) if path.is_file()}
    wanted = [ROOT / name for name in shared_data()]
    inside = {path for each in wanted for path in ([each] if each.is_file() else each.rglob("*.*"))}
    assert inside <= files
    assert "$(COPIED) | cksum" in makefile
