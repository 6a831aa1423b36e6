"""Who is who is kept, and what a teacher wrote into the file wins."""

import json
from pathlib import Path

from course_lib.school.classroom.people import NAMES, Person, answers_of, people_of, remember


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
