"""A folder that names somebody decides over a file's name, and words that name nobody name nobody."""

import re
from pathlib import PurePosixPath

import pytest
from classrooms import NAME

from course_lib.school.classroom.collecting.whose import (
    Listed,
    as_folder,
    folders_around,
    key_of,
    names_in,
    owner_of,
    written,
)


def whose(path: str) -> str:
    owner = owner_of(PurePosixPath(path))
    return owner.folder if owner else ""


@pytest.mark.parametrize(
    ("path", "learner"),
    [
        ("anna/anything.ipynb", "anna"),
        (f"anna/exercises/{NAME}.ipynb", "anna"),
        (f"anna/Copy of {NAME}.ipynb", "anna"),
        (f"anna/{NAME}_ben.ipynb", "anna"),
        (f"anna/20260301120000_{NAME}.ipynb", "anna"),
        ("07_eager_loading_anna/x.ipynb", "anna"),
        ("anna_07/x.ipynb", "anna_07"),
        ("anna (1)/x.ipynb", "anna"),
        ("Anna Berg 2/x.ipynb", "Anna_Berg_2"),
        ("Berg, Anna/x.ipynb", "Anna_Berg"),
        ("week 7/submissions/anna/x.ipynb", "anna"),
        ("a/x.ipynb", "a"),
        ("s07/x.ipynb", "s07"),
        ("student07/x.ipynb", "student07"),
        ("student/x.ipynb", ""),
        ("Gruppe 3/x.ipynb", "Gruppe_3"),
        (f"{NAME}_user12.ipynb", "user12"),
        (f"{NAME} (2)_Student 12 final.ipynb", "Student_12"),
        ("v2/x.ipynb", ""),
        ("12345/x.ipynb", "12345"),
        (f"anna_{NAME}.ipynb", "anna"),
        (f"{NAME}_anna_final_v2 (3).ipynb", "anna"),
        (f"my {NAME} copy.ipynb", ""),
        ("7 - Eager Loading - Anna.ipynb", "Anna"),
        ("eager-loading_anna.ipynb", "anna"),
        (f"Alex{NAME}.ipynb", "Alex"),
        (f"ex{NAME}-Copy1_anna.ipynb", "anna"),
        (f"{NAME}_Anna von Berg.ipynb", "Anna_von_Berg"),
        (f"{NAME}_Anna Neu.ipynb", "Anna_Neu"),
        (f"{NAME}_April May.ipynb", "April_May"),
        ("Jan/x.ipynb", "Jan"),
        (f"{NAME} Mar 1, 2026 12.00 PM.ipynb", ""),
        (f"{NAME}_4711.ipynb", "4711"),
        (f"Ben Kurz - Copy of {NAME} (1).ipynb", "Ben_Kurz"),
        (f"{NAME}_20260301_120000.ipynb", ""),
        (f"{NAME}_2026.ipynb", ""),
        (f"exercises/ex{NAME}.ipynb", ""),
        ("Zoe\u0308/x.ipynb", "Zoë"),
        ("प्रिया/x.ipynb", "प्रिया"),
        (f"{NAME}_สมชาย.ipynb", "สมชาย"),
        ("anna.tar.gz", "anna"),
        (f"{NAME}.ipynb.txt", ""),
    ],
)
def test_a_path_says_whose_notebook_it_is(path: str, learner: str) -> None:
    assert whose(path) == learner


@pytest.mark.parametrize(
    "word",
    [
        "copy", "Kopie", "copie", "copia", "cópia", "kopia", "kopi", "kopio", "kopyası", "копия", "копія",
        "コピー", "副本", "복사본", "final", "endgültig final", "borrador", "devoir", "huiswerk", "úkol", "zadanie",
        "ödev", "домашняя работа", "課題", "作业", "과제", "v2", "version 3", "2", "(2)", "2026-03-01", "NEW", "ipynb",
        "LATE", "Abgabe", "Lösung", "solution", "verspätet", "download",
    ],
)  # fmt: skip
def test_a_word_beside_the_lesson_that_names_nobody_is_no_learner(word: str) -> None:
    word = word.removeprefix("endgültig ")
    assert [whose(f"{NAME}_{word}.ipynb"), whose(f"{word} {NAME}.ipynb")] == ["", ""]
    assert whose(f"anna/{word} {NAME}.ipynb") == "anna"
    assert whose(f"{NAME} anna {word}.ipynb") == "anna"


@pytest.mark.parametrize(
    "name", ["..", "/etc/passwd", "a\\b", "CON", "nul.txt", "=1+1", "-x", "a:b", "…", "COM¹"]
)
def test_a_name_is_never_a_path_nor_a_device_nor_a_formula(name: str) -> None:
    assert re.fullmatch(r"(\w[\w.-]*\w|\w)?", as_folder(name))
    assert as_folder(name).lower() not in {"con", "nul", "nul.txt", "com¹"}


def test_two_long_names_have_two_folders() -> None:
    names = [f"{'Anna ' * 30}{last}" for last in ("Berg", "Kurz")]
    assert len({as_folder(name) for name in names}) == 2
    assert all(len(as_folder(name)) <= 80 for name in names)


def test_spellings_of_one_name_have_one_key() -> None:
    spellings = ("Jürgen Müller", "Ju\u0308rgen_Mu\u0308ller", "JÜRGEN  MÜLLER", "Müller, Jürgen")
    assert {key_of(name) for name in spellings} == {"jürgen_müller"}
    assert names_in("Müller Jürgen") == names_in("jürgen_müller")
    assert written("Berg, Anna") == "Anna Berg"


def test_a_list_of_names_wins_over_a_number_and_says_when() -> None:
    lists = {"submission_12": Listed("Anna Berg", "s1", 5.0)}
    owner = owner_of(PurePosixPath("submission_12/x.ipynb"), lists=lists)
    assert owner is not None
    assert (owner.name, owner.number, owner.seconds, owner.by_assignment) == ("Anna Berg", "s1", 5.0, False)


def around(*paths: str) -> tuple[set[str], set[str]]:
    return folders_around(map(PurePosixPath, paths))


def test_a_folder_around_all_learners_is_no_learner() -> None:
    assert around("DB 7A/anna/x.ipynb", "DB 7A/ben/x.ipynb") == ({"DB 7A"}, set())
    assert around("DB/7A/anna/x.ipynb", "DB/7A/ben/x.ipynb", "DB/7B/eva/x.ipynb", "DB/7B/tom/x.ipynb")[0]
    assert around(f"DB 7A/{NAME}_anna.ipynb", f"DB 7A/{NAME}_ben.ipynb") == ({"DB 7A"}, set())


def test_one_learner_with_folders_of_their_own_is_asked_about() -> None:
    others = ["ben/x.ipynb", "chris/x.ipynb"]
    assert around("anna/red/x.ipynb", "anna/blue/x.ipynb", *others) == (set(), {"anna"})
    assert around("anna/exercises/x.ipynb", "anna/backup/x.ipynb", *others) == (set(), set())


def test_names_that_may_be_anything_in_the_only_folder_are_asked_about() -> None:
    assert around("Kurz/anna.ipynb", "Kurz/ben.ipynb") == (set(), {"Kurz"})
    assert around("anna/a.ipynb", "anna/b.ipynb") == (set(), set())


def test_a_folder_around_a_class_that_looks_like_a_learners_on_a_platform_is_none() -> None:
    for folder in ("Anna_Class_SS26_12345", "informatik_12_34_export"):
        paths = [f"{folder}/{name}/x.ipynb" for name in ("anna", "ben", "eva")]
        assert around(*paths) == ({folder}, set())
        assert around(*paths[:2]) == (set(), {folder})
        owner = owner_of(PurePosixPath(paths[0]), around={folder})
        assert owner is not None
        assert owner.name == "anna"
    assert whose("week_7_lesson_07/07_eager_loading_anna.ipynb") == "anna"


def test_a_group_of_one_is_a_group_where_another_has_several() -> None:
    assert around("Group 1/anna/x.ipynb", "Group 1/ben/x.ipynb", "Group 2/cy/x.ipynb")[0] == {
        "Group 1",
        "Group 2",
    }
    files_of_one = ("student 1/a.ipynb", "student 1/b.ipynb", "student 2/x.ipynb", "student 3/x.ipynb")
    assert around(*files_of_one)[0] == set()


def test_a_comma_turns_two_names_round_and_no_date() -> None:
    assert written("Berg, Anna Lena") == "Anna Lena Berg"
    assert written("1 - Ben Lund - 2 March, 2026") == "1 - Ben Lund - 2 March, 2026"
