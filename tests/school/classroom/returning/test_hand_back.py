"""The pages go back with the names by which a platform knows whose each is."""

import shutil
import zipfile
from pathlib import Path

import pytest
from classrooms import NAME, Round

from course_lib.school import classroom
from course_lib.school.classroom.returning.hand_back import hand_back
from course_lib.school.classroom.who_is_who import Person, remember


def test_moodle_finds_its_number_between_the_first_two_lines_of_a_folders_name(
    whole_round: Round, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(whole_round.folder, tmp_path / "my class"))
    (folder / "names.json").unlink()
    remember(
        folder,
        {"Anna_Berg": Person("Anna_Lena Berg", "Moodle", "11"), "ben": Person("ben", "Canvas", "4")},
        {},
    )
    with zipfile.ZipFile(hand_back(folder, "07").archive) as packed:
        names = packed.namelist()
        assert packed.testzip() is None
    assert names[:2] == [f"Anna Lena Berg_11_assignsubmission_file/{NAME}.html", f"ben/{NAME}.html"]
    assert names[0].split("_", 4)[1] == "11"  # as Moodle reads it
    assert len(names) == 4


def test_without_a_graded_page_there_is_nothing_to_hand_back(folder: Path) -> None:
    with pytest.raises(classroom.ClassroomError, match="Grade it first: course class grade"):
        hand_back(folder, "07")
