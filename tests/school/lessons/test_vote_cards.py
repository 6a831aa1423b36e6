"""Every lesson has a teacher's note, and what a note says of its lesson is found in the lesson."""

import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from lesson_sections import lines, sections

from course_lib.school.exercises.solutions import exercises
from course_lib.school.kit_files import NOTEBOOKS, TEACHING
from course_lib.school.lessons.course import Lesson, lessons
from course_lib.school.lessons.vote_cards import SETTLED, cards_in, vote_cards

LESSONS = [lesson for lesson in lessons() if lesson.name != "00_start_here"]
CARDS = ("Vote card 1", "Vote card 2")
HEADINGS = ["Before the hour", "Minutes", "When you are late", *CARDS, "On the board", "Exercises"]
MORE = {"17_capstone": ["Grading", "Answers in writing"]}
"""Headings behind these, of a lesson that is a piece of work."""
HOUR = 60
TAKEN = re.compile(r"^- \*\*(\d\d\.\d+)\*\* \((\d+) minutes\)\. (.*?)(?=^- |^$|\Z)", re.DOTALL | re.MULTILINE)
"""How a note names an exercise to take in class: its id, its minutes, and misconceptions in italics."""

Fault = Callable[[str, Lesson], list[str]]

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


def note_of(lesson: Lesson) -> Path:
    return TEACHING / f"{lesson.name}.md"


def title_of(lesson: Lesson) -> str:
    first = nbformat.read(NOTEBOOKS / lesson.file, as_version=4).cells[0]
    return str(first.source.splitlines()[0].removeprefix("# "))


def parts(text: str) -> dict[str, str]:
    """What stands under each `##` heading of a note."""
    return dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", text, flags=re.DOTALL | re.MULTILINE))


def rows(table: str) -> list[list[str]]:
    """The rows of a Markdown table, without its head."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def faults_of_headings(text: str, lesson: Lesson) -> list[str]:
    found = re.findall(r"^#+ .+$", text, flags=re.MULTILINE)
    headings = [*HEADINGS, *MORE.get(lesson.name, [])]
    asked = [f"# Teaching {lesson.number}: {title_of(lesson)}", *(f"## {heading}" for heading in headings)]
    return [] if found == asked else [f"headings are {found}, not {asked}"]


def faults_of_minutes(text: str, lesson: Lesson) -> list[str]:
    table = rows(parts(text)["Minutes"])
    named, asked = [row[0] for row in table], list(sections(lesson))
    faults = [] if named == asked else [f"sections are {named}, not {asked}"]
    for column, total in ((1, lesson.minutes), (2, HOUR)):
        minutes = [int(row[column]) for row in table if row[column].isdigit()]
        if (column == 1 or minutes) and sum(minutes) != total:
            faults.append(f"column {column} has {sum(minutes)} minutes, not {total}")
    return faults


def faults_of_cards(text: str, lesson: Lesson) -> list[str]:
    code_of = {heading: [*map(lines, cells)] for heading, cells in sections(lesson).items()}
    faults = []
    for card in CARDS:
        body = parts(text)[card]
        choices = re.findall(r"^- \*\*([A-D])\*\* ", body, flags=re.MULTILINE)
        faults += [] if choices == list("ABCD") else [f"{card} has the choices {choices}"]
        quotes = SETTLED.findall(body)
        faults += [] if quotes else [f"{card} is settled by no cell"]
        faults += [
            f"{card}: {code!r} is no line of {heading!r}"
            for code, heading in quotes
            if not any(code in cell for cell in code_of.get(heading, ()))
        ]
    return faults


def faults_of_questions(text: str, lesson: Lesson) -> list[str]:
    """What a class must not see on a slide: a card that says its answer, or none at all."""
    questions = [card.question for card in cards_in(text)]
    faults = [] if len(questions) == len(CARDS) else [f"{len(questions)} cards can be shown"]
    return faults + [f"{one!r} does not end with its choices" for one in questions if "\n- **D** " not in one]


def faults_of_board(text: str, lesson: Lesson) -> list[str]:
    blocks = re.findall(r"^```\w*\n(.*?)^```", parts(text)["On the board"], flags=re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    if len(blocks) != 1 or len(lines) > 12 or max(map(len, lines)) > 76:
        return [f"{len(blocks)} boards of {len(lines)} lines, {max(map(len, lines), default=0)} columns"]
    return []


def faults_of_links(text: str, lesson: Lesson) -> list[str]:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    wanted = f"../{lesson.exercises}"
    faults = [] if wanted in targets else [f"no link to {wanted}"]
    dead = [
        target for target in targets if not target.startswith("http") and not (TEACHING / target).exists()
    ]
    return faults + [f"{target} is not there" for target in dead]


def faults_of_exercises(text: str, lesson: Lesson) -> list[str]:
    """Two or three exercises of the lesson that fit into their minutes, with misconceptions their checks name."""
    known = {exercise.id: exercise for exercise in exercises() if exercise.lesson == lesson.name}
    taken = TAKEN.findall(parts(text)["Exercises"])
    faults = [] if len(taken) in (2, 3) else [f"{len(taken)} exercises are taken"]
    for name, minutes, expected in taken:
        if name not in known or known[name].minutes != int(minutes):
            faults.append(f"{name} of {minutes} minutes is no exercise of {lesson.name}")
            continue
        wrong = re.findall(r"\*([^*]+)\*", " ".join(expected.split()))
        faults += [] if wrong else [f"{name} names no misconception"]
        faults += [f"{name} knows no {one!r}" for one in wrong if one not in known[name].wrong]
    return faults + faults_of_time(text, sum(int(minutes) for _, minutes, _ in taken))


def faults_of_time(text: str, minutes: int) -> list[str]:
    """Whether the exercises fit into the row *Try it* of the hour."""
    hour = next(int(row[2]) for row in rows(parts(text)["Minutes"]) if row[0] == "Try it")
    return [] if minutes <= hour else [f"{minutes} minutes of exercises do not fit into {hour}"]


CHECKS = (
    faults_of_headings,
    faults_of_minutes,
    faults_of_cards,
    faults_of_questions,
    faults_of_board,
    faults_of_exercises,
    faults_of_links,
)


@each_lesson
@pytest.mark.parametrize("faults", CHECKS, ids=lambda check: check.__name__.removeprefix("faults_of_"))
def test_a_teachers_note_agrees_with_its_lesson(lesson: Lesson, faults: Fault) -> None:
    assert faults(note_of(lesson).read_text("utf-8"), lesson) == []


def test_a_lesson_without_a_note_has_no_vote_cards() -> None:
    assert vote_cards(lessons()[0]) == []


def test_every_lesson_but_the_first_has_one_note() -> None:
    notes = {path.stem for path in TEACHING.glob("*.md")} - {"hub"}  # that page is about no lesson
    assert sorted(notes) == [lesson.name for lesson in LESSONS]


SPOILT: list[tuple[Fault, str, str, str]] = [
    (faults_of_headings, r"^# Teaching 01: ", "# Teaching 1: ", "headings are"),
    (faults_of_headings, r"^## Minutes$", "## Time", "headings are"),
    (faults_of_headings, r"^## Exercises$", "### Exercises", "headings are"),
    (faults_of_minutes, r"^\| Where it breaks .*\n", "", "sections are"),
    (faults_of_minutes, r"^\| Where it breaks", "| Where it bends", "sections are"),
    (faults_of_minutes, r"^(\| Before you start \|) \d+", r"\1 99", "column 1 has"),
    (faults_of_minutes, r"^(\| Before you start \| \d+ \|) \d+", r"\1 99", "column 2 has"),
    (faults_of_cards, r"^- \*\*C\*\* .*\n", "", "Vote card 1 has the choices ['A', 'B', 'D']"),
    (faults_of_cards, r"^\*\*Settled by\*\*", "Settled by", "Vote card 1 is settled by no cell"),
    (faults_of_cards, r"^\*\*Settled by\*\* `", "**Settled by** `x", "is no line of"),
    (faults_of_cards, r"^(\*\*Settled by\*\* `.*`) in \*.*?\*", r"\1 in *Try it*", "is no line of 'Try it'"),
    (faults_of_board, r"^```text\n", f"```text\n{77 * '-'}\n", "77 columns"),
    (faults_of_board, r"^```text\n", f"```text\n{12 * '-'}\n" * 12, "boards"),
    (faults_of_questions, r"^Right is C", "It is C", "1 cards can be shown"),
    (faults_of_questions, r"^- \*\*B\*\* An error", "\nRight is C.\n- **B** An error", "does not end"),
    (faults_of_exercises, r"^- \*\*01\.1\*\*", "- **02.1**", "02.1 of 6 minutes is no exercise of 01_engine"),
    (faults_of_exercises, r"^(- \*\*01\.1\*\*) \(6 ", r"\1 (7 ", "01.1 of 7 minutes is no exercise"),
    (faults_of_exercises, r"\*commit missing\*", "*no commit*", "01.1 knows no 'no commit'"),
    (faults_of_exercises, r"^- \*\*01\.1\*\*", "- 01.1", "1 exercises are taken"),
    (faults_of_exercises, r"^(\| Try it \| 0 \|) 15", r"\1 13", "14 minutes of exercises do not fit into 13"),
    (faults_of_links, r"\(\.\./exercises/ex01", "(../exercises/99", "no link to ../exercises/ex01"),
    (
        faults_of_links,
        r"\(\.\./exercises/ex01",
        "(../nowhere/01",
        "../nowhere/01_engine_and_sessions.ipynb is",
    ),
]


@pytest.mark.parametrize(("faults", "pattern", "instead", "fault"), SPOILT)
def test_the_checks_see_a_spoilt_note(faults: Fault, pattern: str, instead: str, fault: str) -> None:
    lesson = LESSONS[0]
    spoilt, times = re.subn(pattern, instead, note_of(lesson).read_text("utf-8"), count=1, flags=re.MULTILINE)
    assert times == 1
    assert fault in "\n".join(faults(spoilt, lesson))
