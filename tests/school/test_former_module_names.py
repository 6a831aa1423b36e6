"""Notebooks that were written before a module had its name keep working, in every kernel of this environment."""

import importlib
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from course_lib.school.former_module_names import NOW

FORMER = """
from course_lib.lab.checking import check, hint
from course_lib.lab.checks.migrations import try_migration
from course_lib.lab.course import course_map, table_of_lessons, word_list
from course_lib.lab.doctor import ROOT, examine
from course_lib.lab.exercises import exercises
from course_lib.lab.judging.served import served
from course_lib.lab.study.shown import picture_of_progress, progress_here, table_of_progress

import course_lib.school.checking
print(check is course_lib.school.checking.check)
"""


def test_a_notebook_may_still_import_by_every_former_name() -> None:
    notebook = new_notebook(cells=[new_code_cell(FORMER)])
    NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    [output] = notebook.cells[0].outputs
    assert nbformat.from_dict(output).text == "True\n"


@pytest.mark.parametrize("name", NOW)
def test_every_former_name_is_free_and_leads_to_a_module(name: str) -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(name)
    assert importlib.import_module(NOW[name]).__doc__


def test_a_program_that_is_no_notebook_is_told_that_there_is_no_such_module() -> None:
    words = [sys.executable, "-c", "import course_lib.lab.checking"]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert "No module named 'course_lib.lab.checking'" in done.stderr
