"""The kit's changes come into a learner's notebook cell by cell; what the learner wrote stays."""

import itertools
import random
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest
from learner_copies import EXERCISES, LESSON, TASKS, cell, edit, load, save, sources

from course_lib.school.learner import merging
from course_lib.school.learner.copies import kit_has_news, start, update


def test_the_kits_change_comes_in_where_the_learner_changed_nothing(copy: Path, kit: Path) -> None:
    save(kit / EXERCISES, TASKS | {"task-2": "## 07.2 Second, in new words"})

    lines = update(copy, kit=kit)

    assert sources(copy / EXERCISES)["task-2"] == "## 07.2 Second, in new words"
    assert lines[0] == f"{EXERCISES}: brought up to date (cells: 1 changed)."


def test_the_learners_edit_stays_where_the_kit_changed_another_cell(copy: Path, kit: Path) -> None:
    edit(copy / EXERCISES, answer_2="def two(): return 2")
    save(kit / EXERCISES, TASKS | {"task-2": "## 07.2 Second, in new words"})

    update(copy, kit=kit)

    assert sources(copy / EXERCISES)["answer-2"] == "def two(): return 2"
    assert sources(copy / EXERCISES)["task-2"] == "## 07.2 Second, in new words"


def test_where_both_changed_a_cell_the_learners_stays_and_the_new_one_is_quoted_below(
    copy: Path, kit: Path
) -> None:
    edit(copy / EXERCISES, answer_2="def two(): return 2")
    save(kit / EXERCISES, TASKS | {"answer-2": 'def two():\n    """Two ```users```."""'})

    lines = update(copy, kit=kit)

    cells = load(copy / EXERCISES).cells
    place = [each.id for each in cells].index("answer-2")
    both = "you and the kit both changed it; yours stays, the new version stands below it"
    assert f"{EXERCISES}: cell answer-2: {both}." in lines
    assert cells[place].source == "def two(): return 2"
    assert cells[place + 1].cell_type == "markdown"
    assert cells[place + 1].source.endswith('````python\ndef two():\n    """Two ```users```."""\n````')


def test_outputs_stay_where_the_source_stays_and_go_where_it_changed(copy: Path, kit: Path) -> None:
    notebook = load(copy / LESSON)
    for each in notebook.cells[1:]:
        each.outputs = [nbformat.v4.new_output("stream", text="seen")]
    nbformat.write(notebook, copy / LESSON)
    save(kit / LESSON, {"title": "# Load once", "ask": "predict(3)", "show": "1 + 1"})

    update(copy, kit=kit)

    _, ask, show = load(copy / LESSON).cells
    assert (ask.source, ask.outputs, show.outputs[0].text) == ("predict(3)", [], "seen")


def test_the_learners_own_cells_stay_behind_the_cells_they_followed(copy: Path, kit: Path) -> None:
    notebook = load(copy / EXERCISES)
    notebook.cells.insert(0, cell("first", "'first of all'"))
    notebook.cells.insert(4, cell("tried", "one()"))
    nbformat.write(notebook, copy / EXERCISES)
    new = {"intro": "# Welcome", **TASKS, "more": "# More"}
    del new["answer-3"]
    save(kit / EXERCISES, new)

    update(copy, kit=kit)

    names = list(sources(copy / EXERCISES))
    assert names == ["first", "intro", "title", "task-1", "answer-1", "tried", *list(TASKS)[3:-1], "more"]


def test_cells_that_the_learner_deleted_stay_deleted(copy: Path, kit: Path) -> None:
    edit(copy / EXERCISES, title=None, task_1=None)
    save(kit / EXERCISES, TASKS | {"task-1": "## 07.1 First, in new words", "more": "# More"})

    lines = update(copy, kit=kit)

    assert list(sources(copy / EXERCISES)) == [*list(TASKS)[2:], "more"]
    assert f"{EXERCISES}: cell task-1: you deleted it and the kit changed it; it stays deleted." in lines
    assert not any("title" in line for line in lines)


def test_a_cell_that_the_kit_dropped_goes_unless_the_learner_changed_it(copy: Path, kit: Path) -> None:
    edit(copy / EXERCISES, answer_1="def one(): return 1")
    save(kit / EXERCISES, {name: TASKS[name] for name in TASKS if name not in ("answer-1", "answer-3")})

    lines = update(copy, kit=kit)

    assert sources(copy / EXERCISES)["answer-1"] == "def one(): return 1"
    assert "answer-3" not in sources(copy / EXERCISES)
    assert f"{EXERCISES}: cell answer-1: the kit no longer has it and you changed it; yours stays." in lines


def test_cells_that_the_learner_moved_stay_in_that_order(copy: Path, kit: Path) -> None:
    notebook = load(copy / EXERCISES)
    notebook.cells.append(notebook.cells.pop(0))
    nbformat.write(notebook, copy / EXERCISES)
    save(kit / EXERCISES, TASKS | {"task-2": "## 07.2 Second, in new words"})

    update(copy, kit=kit)

    assert list(sources(copy / EXERCISES)) == [*list(TASKS)[1:], "title"]


def test_cells_that_only_got_other_ids_are_not_taken_for_changed_ones(tmp_path: Path, kit: Path) -> None:
    given = {f"cell-0{number}": f"say({number})" for number in range(5)}
    save(kit / LESSON, given)
    start(tmp_path / "mine", kit=kit)
    edit(tmp_path / "mine" / LESSON, cell_03="say('mine')")
    save(kit / LESSON, {f"cell-0{place}": text for place, text in enumerate(["new()", *given.values()])})

    lines = update(tmp_path / "mine", kit=kit)

    expected = ["new()", "say(0)", "say(1)", "say(2)", "say('mine')", "say(4)"]
    assert list(sources(tmp_path / "mine" / LESSON).values()) == expected
    assert lines[0] == f"{LESSON}: brought up to date (cells: 1 new)."
    assert not kit_has_news(tmp_path / "mine", kit=kit)


def test_a_changed_cell_is_known_by_its_place_where_the_cells_were_numbered_anew(
    tmp_path: Path, kit: Path
) -> None:
    texts = [f"say({number})" for number in range(5)]
    save(kit / LESSON, {f"cell-{place}": text for place, text in enumerate(texts)})
    start(tmp_path / "mine", kit=kit)
    edit(tmp_path / "mine" / LESSON, cell_3="say('mine')")
    for text in ("new()", "newer()"):
        texts = [text, *texts]
        texts[-2] = f"say('{text}')"  # the cell that the learner edited

        save(kit / LESSON, {f"cell-{place}": text for place, text in enumerate(texts)})

        both = "you and the kit both changed it; yours stays, the new version stands below it"
        assert f"{LESSON}: cell cell-3: {both}." in update(tmp_path / "mine", kit=kit)


def test_cells_whose_ids_another_program_dropped_are_known_by_their_content(copy: Path, kit: Path) -> None:
    notebook = load(copy / EXERCISES)
    notebook.nbformat_minor = 4
    for each in notebook.cells:
        del each["id"]
    nbformat.write(notebook, copy / EXERCISES)
    save(kit / EXERCISES, TASKS | {"task-2": "## 07.2 Second, in new words"})

    update(copy, kit=kit)

    assert sources(copy / EXERCISES) == TASKS | {"task-2": "## 07.2 Second, in new words"}
    assert load(copy / EXERCISES).nbformat_minor == 5  # the first format in which cells have ids


def test_the_points_of_a_cell_come_in_and_the_learners_tags_stay(copy: Path, kit: Path) -> None:
    for path, key, value in ((copy, "tags", ["mine"]), (kit, "nbgrader", {"points": 3})):
        notebook = load(path / EXERCISES)
        notebook.cells[5].metadata[key] = value
        nbformat.write(notebook, path / EXERCISES)

    update(copy, kit=kit)

    assert load(copy / EXERCISES).cells[5].metadata == {"tags": ["mine"], "nbgrader": {"points": 3}}


def test_a_merged_notebook_is_written_as_jupyter_writes_it(copy: Path, kit: Path) -> None:
    save(kit / EXERCISES, TASKS | {"title": "# Naïve → “quoted”"})

    update(copy, kit=kit)

    text = (copy / EXERCISES).read_bytes().decode()
    assert text == nbformat.writes(nbformat.reads(text, as_version=4)) + "\n"


def test_a_half_character_in_an_output_is_written_again_as_it_was(copy: Path, kit: Path) -> None:
    notebook = load(copy / LESSON)
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="HALF")]
    text = nbformat.writes(notebook).replace("HALF", "\\ud83d")
    (copy / LESSON).write_text(text, encoding="utf-8")
    save(kit / LESSON, {"title": "# New", "ask": "predict(2)", "show": "1 + 1"})

    update(copy, kit=kit)

    assert "\\ud83d" in (copy / LESSON).read_text(encoding="utf-8")


# every combination

STATES: Sequence[tuple[str | None, str | None, str | None]] = [
    *itertools.product([None, "given"], [None, "given", "mine"], [None, "given", "new", "mine"])
]


def versions(chosen: Sequence[tuple[str | None, ...]]) -> list[dict[str, str]]:
    """A notebook as it was given, as the learner has it, and as the kit has it now."""
    return [
        {f"c{place}": f"{state[which]}({place})" for place, state in enumerate(chosen) if state[which]}
        for which in range(3)
    ]


@pytest.mark.parametrize("seed", range(40))
def test_no_source_of_the_learners_disappears_whatever_both_do(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    was, mine, new = versions(chance.sample(STATES, len(STATES)))
    if seed % 3 == 0:  # the learner also moves cells
        mine = dict(chance.sample(list(mine.items()), len(mine)))
    kit, copy = tmp_path / "kit", tmp_path / "mine"
    save(kit / EXERCISES, was)
    start(copy, kit=kit)
    save(copy / EXERCISES, mine)
    save(kit / EXERCISES, new)

    update(copy, kit=kit)

    after = sources(copy / EXERCISES)
    own = {name: source for name, source in mine.items() if source != was.get(name)}
    assert {name: after.get(name) for name in own} == own
    kept = [name for name in after if name in mine]
    assert seed % 3 or kept == [name for name in mine if name in after]
    assert not kit_has_news(copy, kit=kit)


@pytest.mark.parametrize("seed", range(20))
def test_a_merge_done_twice_over_is_the_merge_done_once(seed: int) -> None:
    """What happens when a process is killed after the notebook was written, and before the given one was."""
    chosen = random.Random(seed).sample(STATES, len(STATES))
    was, mine, new = (
        nbformat.v4.new_notebook(cells=[cell(name, source) for name, source in each.items()])
        for each in versions(chosen)
    )

    once = merging.merge(was, mine, new).notebook
    twice = merging.merge(was, once, new).notebook

    came_back = {f"c{place}" for place, state in enumerate(chosen) if state[0] and not state[1]}
    assert merging.written(twice) == merging.written(once)
    assert came_back.isdisjoint(merging.by_id(once))
