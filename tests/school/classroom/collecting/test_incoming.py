"""Every file of a folder or a zip is found, and a zip writes nowhere else."""

import zipfile
from pathlib import Path

from classrooms import ANSWERS, answered, hand_in, notebook

from course_lib.school import classroom
from course_lib.school.classroom.collecting.incoming import files_in


def test_a_zip_of_zips_is_opened_and_no_deeper_one(tmp_path: Path) -> None:
    content = b"{}"
    for name in ("x.ipynb", "anna.zip", "class.zip", "school.zip"):
        (tmp_path / name).write_bytes(content)
        with zipfile.ZipFile(tmp_path / "next", "w") as archive:
            archive.write(tmp_path / name, name)
        content = (tmp_path / "next").read_bytes()
    found = {
        name: [str(file.place) for file in files_in(tmp_path / name)] for name in ("class.zip", "school.zip")
    }
    assert found == {"class.zip": ["anna/x.ipynb"], "school.zip": ["class/anna.zip"]}


def test_two_files_at_one_place_are_both_found(tmp_path: Path) -> None:
    hand_in(tmp_path, "anna/x.ipynb", b"{}")
    with zipfile.ZipFile(tmp_path / "anna.zip", "w") as archive:
        archive.writestr("x.ipynb", b"{ }")
    found = {str(file.place): file.content for file in files_in(tmp_path)}
    assert found == {"anna/x.ipynb": b"{}", "anna/x (2).ipynb": b"{ }"} or found == {
        "anna/x.ipynb": b"{ }", "anna/x (2).ipynb": b"{}",
    }  # fmt: skip


def test_a_zip_writes_nowhere_but_into_the_course_folder(folder: Path, tmp_path: Path) -> None:
    content = notebook(answered(ANSWERS))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in ("../../evil/x.ipynb", "/abs/x.ipynb", "..\\win\\x.ipynb", "__MACOSX/anna/._x.ipynb"):
            archive.writestr(path, content)
    before = {path for path in tmp_path.rglob("*") if folder not in path.parents}
    assert classroom.collect(folder, tmp_path / "all.zip", "07").students == ["abs", "evil", "win"]
    assert {path for path in tmp_path.rglob("*") if folder not in path.parents} == before
