"""What is in a zip or a tar is read, and no archive fills the memory, leads elsewhere or stops the others."""

import gzip
import io
import stat
import tarfile
import tracemalloc
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from spoilt_notebooks import ARCHIVES_TAKEN, ARCHIVES_TOLD, GOOD, bomb, locked, zipped

from course_lib.school.classroom.collecting import archives
from course_lib.school.classroom.collecting.archives import Budget, File, opened


def within(name: str, content: bytes, budget: Budget | None = None) -> list[File]:
    return list(opened(File(PurePosixPath(name), 0, content), 2, budget=budget))


@pytest.mark.parametrize("name", ARCHIVES_TAKEN)
def test_a_notebook_in_an_archive_is_found(name: str) -> None:
    (found,) = within(f"class/{name}", ARCHIVES_TAKEN[name])
    assert (found.content, found.trouble) == (GOOD, "")
    assert found.place.parts[1].partition(".")[0] == name.partition(".")[0]


@pytest.mark.parametrize("name", ARCHIVES_TOLD)
def test_an_archive_that_cannot_be_opened_is_told_once(name: str) -> None:
    content, word = ARCHIVES_TOLD[name]
    (found,) = within(name, content)
    assert word in found.trouble
    assert (found.place, bool(found.remedy)) == (PurePosixPath(name), True)


def test_a_file_that_is_larger_than_it_says_is_told() -> None:
    assert [file.trouble for file in within("bomb.zip", bomb())] == ["is too large for a notebook"]


def test_of_a_file_that_is_too_large_no_more_is_read_than_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "LARGEST", 1_000_000)
    packed = gzip.compress(bytes(30_000_000))
    tracemalloc.start()
    try:
        (found,) = within("x.ipynb.gz", packed)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.trouble == "is too large for a notebook"
    assert most < 10_000_000


def test_more_files_than_a_class_can_have_end_the_archive_alone() -> None:
    content = zipped({f"{number}.ipynb": b"{}" for number in range(9)})
    found = within("many.zip", content, Budget(files=3))
    assert [file.trouble for file in found] == ["", "", "", "holds more than a class can have written"]
    assert "holds more" in within("large.zip", content, Budget(size=5))[-1].trouble


@pytest.mark.parametrize("name", ["Ju\u0308rgen/x.ipynb", "Jürgen/x.ipynb", "Юрий/x.ipynb"])
def test_a_name_in_utf_8_without_its_flag_is_read(name: str) -> None:
    content = zipped({name: GOOD}, flag_off=True)
    (found,) = within("a.zip", content)
    assert found.place.as_posix() == f"a/{name}"


def test_a_name_in_the_old_code_page_is_read() -> None:
    content = zipped({"J_rgen/x.ipynb": GOOD}, flag_off=True).replace(b"J_rgen", b"J\x81rgen")
    (found,) = within("a.zip", content)
    assert found.place.as_posix() == "a/Jürgen/x.ipynb"


def test_a_link_in_an_archive_is_told_and_not_followed(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        link = zipfile.ZipInfo("x.ipynb")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as packed:
        entry = tarfile.TarInfo("x.ipynb")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        packed.addfile(entry)
    found = [*within("a.zip", made.getvalue()), *within("a.tar", tar.getvalue())]
    assert [file.trouble for file in found] == ["is a link to somewhere else"] * 2


def test_a_path_out_of_an_archive_leads_nowhere_else() -> None:
    content = zipped({"../../evil/x.ipynb": b"{}", "/abs/x.ipynb": b"{}", "..": b"{}"})
    assert [file.place.as_posix() for file in within("a.zip", content)] == [
        "a/evil/x.ipynb", "a/abs/x.ipynb", "a/nameless",
    ]  # fmt: skip


def test_one_locked_file_and_a_bomb_stop_no_other_file_of_a_class() -> None:
    with_a_bomb = zipped({"anna/x.ipynb": GOOD, "ben.zip": bomb(), "chris/x.ipynb": GOOD})
    half_locked = locked(zipped({"anna/x.ipynb": GOOD, "ben/x.ipynb": GOOD}), only=b"ben")
    for content, word in ((with_a_bomb, "too large"), (half_locked, "password")):
        found = within("class.zip", content)
        assert "anna" in [file.place.parts[1] for file in found if not file.trouble]
        assert [word in file.trouble for file in found if file.place.parts[1] == "ben"] == [True]


def test_a_document_that_is_a_zip_inside_is_not_opened() -> None:
    assert [file.place.name for file in within("a.docx", zipped({"x.xml": b"<a/>"}))] == ["a.docx"]
