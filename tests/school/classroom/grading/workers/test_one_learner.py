"""A learner's grading is put in its place when it is whole: before that, the earlier one stays as it was."""

from pathlib import Path

import pytest
from classrooms import NAME, bringing, points_in, submit

from course_lib.school import classroom


@pytest.mark.usefixtures("one_worker")
def test_a_newer_notebook_that_fails_leaves_the_earlier_grading_whole(graded: Path) -> None:
    made = [graded / f"autograded/anna/{NAME}/{NAME}.ipynb", graded / f"feedback/anna/{NAME}/{NAME}.html"]
    before = [path.read_bytes() for path in made]
    submit(graded, "anna", bringing("import os\nos._exit(1)"))
    notices = classroom.grade(graded, "07", again=True).notices
    assert [notice.student for notice in notices] == ["anna"]
    assert [path.read_bytes() for path in made] == before
    assert points_in(graded) == {"anna": "10.0", "ben": "10.0"}


def test_files_that_lie_beside_a_notebook_are_there_for_it_and_come_along(ready: Path) -> None:
    (ready / "submitted/anna" / NAME).mkdir(parents=True)
    (ready / "submitted/anna" / NAME / "mine.csv").write_text("a,b")
    submit(
        ready, "anna", bringing("assert open('mine.csv').read() == 'a,b'\nopen('new.txt', 'w').write('x')")
    )
    classroom.grade(ready, "07")
    place = ready / "autograded/anna" / NAME
    assert sorted(path.name for path in place.iterdir()) == [f"{NAME}.ipynb", "mine.csv"]
    assert "AssertionError" not in (place / f"{NAME}.ipynb").read_text("utf-8")
