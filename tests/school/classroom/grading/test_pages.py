"""A page for learners loads nothing from elsewhere, and calls the exercises by their names."""

from course_lib.school.classroom.cells import Part
from course_lib.school.classroom.grading.pages import for_learners

PARTS = {"07-1-check": Part("07-1-check", "check", "", "07.1", "The tags & more", 2)}


def test_scripts_go_and_names_come() -> None:
    page = (
        '<head></head><script src="https://cdn/x.js">\n</script><a href="#07-1-check">Test cell</a> '
        "Grade cell: <code>07-1-check</code> Grade cell: <code>mine</code> <b>Student's answer</b>"
    )
    shown = for_learners(page, PARTS)
    assert "script" not in shown
    assert '<a href="#07-1-check">07.1 The tags &amp; more</a>' in shown
    assert "The check of 07.1 The tags &amp; more The check of mine" in shown
    assert ">Your answer<" in shown
