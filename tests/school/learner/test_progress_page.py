"""The page and the table say who passed what and when, are complete by themselves, and take no other file's place."""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest

from course_lib.school.learner.files import WorkspaceError
from course_lib.school.learner.progress import Progress
from course_lib.school.learner.progress_page import (
    COLUMNS,
    Standing,
    name_of_user,
    page,
    spreadsheet,
    standings,
    write,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WITHOUT_END = {"meta"}


@dataclass(frozen=True)
class Sample:
    id: str
    lesson: str
    title: str
    points: int


COURSE = [
    Sample("07.1", "07_eager_loading", "People & <posts>", 2),
    Sample("07.2", "07_eager_loading", "Headlines", 3),
    Sample("08.1", "08_pagination", "The next page", 1),
]


class Strict(HTMLParser):
    """Reads a page as XML is read: what begins must end, in that order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open += [] if tag in WITHOUT_END else [tag]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture
async def rows(tmp_path: Path) -> list[Standing]:
    """07.1 passed at the second try and once more, 07.2 tried, 08.1 not."""
    progress = Progress(tmp_path / "kept" / "progress.db")
    for minutes, outcome in enumerate(("not yet", "passed", "passed")):
        await progress.record("07.1", outcome, at=NOW + timedelta(minutes=minutes))
    await progress.record("07.2", "not yet", at=NOW)
    await progress.note_hint("07.1")
    return await standings(COURSE, progress)


def test_each_exercise_has_its_first_pass_its_tries_and_its_hints(rows: list[Standing]) -> None:
    passed = NOW + timedelta(minutes=1)
    assert [(row.passed, row.tries, row.hints) for row in rows] == [
        (passed, 3, 1),
        (None, 1, 0),
        (None, 0, 0),
    ]


def test_the_page_says_who_passed_what(rows: list[Standing]) -> None:
    read = Strict(page(rows, "Mira & <Berg>", at=NOW))
    text = " ".join(read.words)
    assert "Progress of Mira & <Berg>" in text
    assert "1 of 3 exercises passed: 2 of 6 points." in text
    assert rows[0].passed is not None
    assert f"07.1 People & <posts> 2 ✓ {rows[0].passed:%Y-%m-%d %H:%M} 3 1" in text
    assert ("07.2 Headlines 3 not yet 1 0" in text, "08.1 The next page 1 not tried 0 0" in text) == (
        True,
        True,
    )


def test_the_page_is_complete_by_itself_and_its_tables_can_be_heard(rows: list[Standing]) -> None:
    text = page(rows, "Mira", at=NOW)
    read = Strict(text)
    names = [name for name, _ in read.tags]
    assert text.startswith("<!DOCTYPE html>\n")
    assert ("html", {"lang": "en"}) in read.tags
    assert {"script", "link", "img", "iframe", "a"} & set(names) == set()
    assert ("http" in text, "url(" in text, "@import" in text) == (False, False, False)
    assert names.count("h1") == names.count("title") == 1
    assert names.count("caption") == names.count("table") == 2
    scopes = [attributes.get("scope") for name, attributes in read.tags if name == "th"]
    assert (scopes.count("col"), scopes.count("row"), scopes.count(None)) == (10, 3, 0)


def test_the_table_has_a_line_for_each_exercise(rows: list[Standing]) -> None:
    head, first, *_, last = csv.reader(StringIO(spreadsheet(rows, "Berg, Mira").removeprefix("\ufeff")))
    assert tuple(head) == COLUMNS
    assert first[:5] == ["Berg, Mira", "07_eager_loading", "07.1", "People & <posts>", "2"]
    assert datetime.fromisoformat(first[5]) == NOW + timedelta(minutes=1)
    assert last[2:] == ["08.1", "The next page", "1", "", "0", "0"]


def test_an_earlier_page_gives_way_and_any_other_file_stays(rows: list[Standing], tmp_path: Path) -> None:
    for name, text in (("page.html", page(rows, "Mira", at=NOW)), ("table.csv", spreadsheet(rows, "Mira"))):
        assert write(tmp_path / name, text) == write(tmp_path / name, text)
        assert (tmp_path / name).read_bytes() == text.encode()
    (tmp_path / "own.html").write_text("<p>mine")
    (tmp_path / "empty.csv").touch()
    for name in ("own.html", "empty.csv", "kept"):
        with pytest.raises(WorkspaceError, match="is there already"):
            write(tmp_path / name, "a page")
    assert (tmp_path / "own.html").read_text() == "<p>mine"


def test_a_place_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="No such file or directory"):
        write(tmp_path / "nowhere" / "page.html", "a page")


def test_somebody_is_always_named() -> None:
    assert name_of_user().strip()
