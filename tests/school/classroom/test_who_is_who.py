"""Who is who is kept, and what a teacher wrote into the file wins."""

import json
from pathlib import Path

import pytest

from course_lib.school.classroom import ClassroomError
from course_lib.school.classroom.who_is_who import NAMES, Person, answers_of, names_of, people_of, remember


def test_who_was_met_is_kept_and_what_a_teacher_wrote_stays(tmp_path: Path) -> None:
    remember(tmp_path, {"Anna_Berg": Person("Anna Berg", "Moodle", "11")}, {"box/a.ipynb": ""})
    written = json.loads((tmp_path / NAMES).read_text("utf-8"))
    written["learners"]["Anna_Berg"]["name"] = "Anna Maria Berg"
    written["whose"]["box/a.ipynb"] = "Anna_Berg"
    (tmp_path / NAMES).write_text(json.dumps(written), encoding="utf-8")
    remember(tmp_path, {"Anna_Berg": Person("Anna Berg"), "ben": Person("ben")}, {"box/a.ipynb": "", "b": ""})
    assert people_of(tmp_path) == {
        "Anna_Berg": Person("Anna Maria Berg", "Moodle", "11"), "ben": Person("ben"),
    }  # fmt: skip
    assert answers_of(tmp_path) == {"box/a.ipynb": "Anna_Berg", "b": ""}


def test_a_file_of_an_older_kit_knows_names_alone(tmp_path: Path) -> None:
    (tmp_path / NAMES).write_text('{"Anna_Berg": "Anna Berg"}', encoding="utf-8")
    assert (people_of(tmp_path), answers_of(tmp_path)) == ({"Anna_Berg": Person("Anna Berg")}, {})


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('{"learners": {},\n "whose": {"a.ipynb": "Anna"\n "b.ipynb": ""}}', r"line 3: .*b\.ipynb"),
        ('{"learners": {},\n "whose": {"a": "x",\n "a": "y"}}', "line 3: 'a' stands there twice"),
        ('{"learners": {\n"anna": 5}}', "line 2: 'anna' is written {\"name\""),
        ('{"learners": {},\n"whose": ["a"]}', "line 2: 'whose' has an entry"),
        ('{"learners": {},\n"whose": {\n"a": ["x"]}}', "line 3: 'a' is a text"),
        ("[]", "line 1"),
        ("", "line 1"),
        ("\udcff", "Save it in UTF-8"),
    ],
)
def test_a_broken_file_is_an_error_that_names_the_line(tmp_path: Path, written: str, told: str) -> None:
    (tmp_path / NAMES).write_text(written, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ClassroomError, match=told):
        people_of(tmp_path)
    assert (tmp_path / NAMES).read_text("utf-8", errors="surrogateescape") == written


def test_a_guess_is_an_open_question_and_gives_way_to_a_newer_one(tmp_path: Path) -> None:
    remember(tmp_path, {}, {"a": "? Anna", "b": ""})
    remember(tmp_path, {}, {"a": "? Ben", "b": "? Eva"})
    assert answers_of(tmp_path) == {"a": "", "b": ""}
    assert names_of(tmp_path).whose == {"a": "? Ben", "b": "? Eva"}


def test_somebody_without_a_number_gets_one(tmp_path: Path) -> None:
    remember(tmp_path, {"anna": Person("Anna")}, {})
    remember(tmp_path, {"anna": Person("anna", "Canvas", "4711")}, {}, numbers={"Canvas 4711": "anna"})
    assert people_of(tmp_path) == {"anna": Person("Anna", "Canvas", "4711")}
    assert names_of(tmp_path).numbers == {"Canvas 4711": "anna"}


def test_a_person_has_another_number_in_another_lesson(tmp_path: Path) -> None:
    numbers = {"Moodle 07 11": "anna", "Moodle 08 57": "anna", "Canvas 4711": "ben"}
    people = {"anna": Person("Anna", "Moodle", "11"), "ben": Person("Ben", "Canvas", "4711")}
    remember(tmp_path, people, {}, numbers=numbers)
    assert [person.number for person in people_of(tmp_path, "08_pagination").values()] == ["57", "4711"]
    assert [person.number for person in people_of(tmp_path).values()] == ["11", "4711"]
