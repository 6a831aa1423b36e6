"""What an update finds: notebooks that are new, deleted, dropped, in the way or broken."""

from pathlib import Path

import pytest
from learner_copies import EXERCISES, LESSON, TASKS, edit, everything, save, sources

from course_lib.school.learner.copies import kit_has_news, reset, start, update
from course_lib.school.learner.files import WorkspaceError


def test_a_kit_without_notebooks_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="nowhere holds no notebooks"):
        start(tmp_path / "mine", kit=tmp_path / "nowhere")


def test_a_broken_notebook_of_the_kit_is_named_and_changes_nothing(copy: Path, kit: Path) -> None:
    (kit / LESSON).write_text("{", encoding="utf-8")
    save(kit / EXERCISES, TASKS | {"title": "# New"})
    before = everything(copy)

    with pytest.raises(WorkspaceError, match=LESSON):
        update(copy, kit=kit)
    assert everything(copy) == before


def test_a_notebook_without_news_stays_as_it_is_byte_for_byte(copy: Path, kit: Path) -> None:
    (copy / LESSON).write_text((copy / LESSON).read_text(encoding="utf-8") + "\n\n", encoding="utf-8")
    before = (copy / LESSON).read_bytes()
    save(kit / EXERCISES, TASKS | {"title": "# New"})

    update(copy, kit=kit)

    assert (copy / LESSON).read_bytes() == before


def test_a_new_notebook_comes(copy: Path, kit: Path) -> None:
    save(kit / "08_pagination.ipynb", {"title": "# Pages"})

    assert kit_has_news(copy, kit=kit)
    assert update(copy, kit=kit) == ["08_pagination.ipynb: new."]
    assert sources(copy / "08_pagination.ipynb") == {"title": "# Pages"}


def test_a_new_notebook_does_not_replace_the_learners_own_of_that_name(copy: Path, kit: Path) -> None:
    save(copy / "08_pagination.ipynb", {"mine": "1"})
    save(kit / "08_pagination.ipynb", {"title": "# Pages"})
    before = everything(copy)

    assert "your own file stays" in update(copy, kit=kit)[0]
    assert everything(copy) == before


def test_a_notebook_that_the_kit_dropped_stays(copy: Path, kit: Path) -> None:
    (kit / LESSON).unlink()

    assert update(copy, kit=kit) == [f"{LESSON}: the kit no longer has it; yours stays."]
    assert (copy / LESSON).exists()


def test_a_notebook_that_the_learner_deleted_stays_away_until_it_is_reset(copy: Path, kit: Path) -> None:
    (copy / EXERCISES).unlink()
    save(kit / EXERCISES, TASKS | {"title": "# New"})

    lines = update(copy, kit=kit)

    again = "`course reset 07` brings it back"
    assert lines == [f"{EXERCISES}: you deleted it, so it stays away. {again}."]
    assert not (copy / EXERCISES).exists()
    reset(copy, "07", kit=kit)
    assert sources(copy / EXERCISES)["title"] == "# New"


@pytest.mark.parametrize("broken", ["{ half", "", "[]", '{"nbformat": 4, "cells": [1]}', '{"nbformat": 3}'])
def test_a_broken_notebook_is_kept_and_not_touched(copy: Path, kit: Path, broken: str) -> None:
    (copy / EXERCISES).write_text(broken, encoding="utf-8")
    save(kit / EXERCISES, TASKS | {"title": "# New"})

    for _ in range(2):
        lines = update(copy, kit=kit)

        assert "no notebook any more" in lines[0]
        assert (copy / EXERCISES).read_text(encoding="utf-8") == broken
        backups = [path.read_text(encoding="utf-8") for path in (copy / ".course/backups").rglob("*.ipynb")]
        assert backups == [broken]


def test_a_damaged_copy_of_what_was_given_loses_nothing(copy: Path, kit: Path) -> None:
    edit(copy / EXERCISES, answer_2="def two(): return 2")
    (copy / ".course/given" / EXERCISES).write_bytes(b"{")

    update(copy, kit=kit)

    assert sources(copy / EXERCISES)["answer-2"] == "def two(): return 2"
    assert not kit_has_news(copy, kit=kit)
