"""Whatever is handed in is kept as it came, once."""

from pathlib import Path

from course_lib.school.classroom.collecting.originals import keep, taken_of


def test_the_same_bytes_are_kept_once_and_others_beside_them(tmp_path: Path) -> None:
    kept = tmp_path / "anna"
    first, again = (keep(kept, "x.ipynb", b"one", 0) for _ in range(2))
    other = keep(kept, "x.ipynb", b"two", 0)
    assert (first, again) == (kept / "1970-01-01 00-00-00 x.ipynb",) * 2
    assert (other.name, other.read_bytes()) == ("1970-01-01 00-00-00 x (2).ipynb", b"two")


def test_a_name_that_no_system_takes_is_made_one(tmp_path: Path) -> None:
    for name in ("a:b?.ipynb", "x" * 300 + ".ipynb", "..", "con"):
        assert keep(tmp_path, name, name.encode(), 10**20).read_bytes() == name.encode()


def test_a_note_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert taken_of(tmp_path) is None
    (tmp_path / "taken.json").write_text("[]", encoding="utf-8")
    assert taken_of(tmp_path) is None


def test_what_an_interrupted_step_left_is_no_original(tmp_path: Path) -> None:
    (tmp_path / "half.new").write_bytes(b"one")
    assert keep(tmp_path, "x.ipynb", b"one", 0).name == "1970-01-01 00-00-00 x.ipynb"
