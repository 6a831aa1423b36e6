"""Whose notebook it is, by the names that learners and platforms give to files."""

import re
from pathlib import PurePosixPath

import pytest
from classrooms import NAME

from course_lib.school.classroom.collecting.platforms import as_folder, student_of


@pytest.mark.parametrize(
    ("path", "student"),
    [
        ("anna/anything.ipynb", "anna"),
        (f"anna/exercises/{NAME}.ipynb", "anna"),
        (f"anna_{NAME}.ipynb", "anna"),
        (f"{NAME}_anna.ipynb", "anna"),
        (f"{NAME}-12345.ipynb", "12345"),
        (f"anna/{NAME} (1).ipynb", "anna"),
        (f"anna/{NAME}-Copy2.ipynb", "anna"),
        (f"Anna Berg_4711_assignsubmission_file_/{NAME}.ipynb", "Anna_Berg"),
        (f"Anna Berg_4711_assignsubmission_file_{NAME}.ipynb", "Anna_Berg"),
        ("Zoë Ångström/x.ipynb", "Zoë_Ångström"),
        ("anna.ipynb", "anna"),
        (f"{NAME}.ipynb", ""),
        (f"exercises/{NAME}.ipynb", ""),
        (f"exercises/ex{NAME}.ipynb", ""),
        (f"anna/exercises/ex{NAME}.ipynb", "anna"),
        (f"anna_ex{NAME}.ipynb", "anna"),
        (f"ex{NAME} (1).ipynb", ""),
        (f"ex{NAME}-Copy1_anna.ipynb", "Copy1_anna"),
        (f"ex{NAME}_anna.ipynb", "anna"),
        (f"Alex{NAME}.ipynb", "Alex"),
        (f"Anna Berg_4711_assignsubmission_file_ex{NAME}.ipynb", "Anna_Berg"),
    ],
)
def test_a_path_says_whose_notebook_it_is(path: str, student: str) -> None:
    assert student_of(PurePosixPath(path), ["01_engine_and_sessions", NAME]) == student


@pytest.mark.parametrize("name", ["..", "/etc/passwd", "a\\b", "CON", "nul.txt", "=1+1", "-x", "a:b", "…"])
def test_a_name_is_never_a_path_nor_a_device_nor_a_formula(name: str) -> None:
    assert re.fullmatch(r"(\w[\w.-]*\w|\w)?", as_folder(name))
    assert as_folder(name).lower() not in {"con", "nul", "nul.txt"}
