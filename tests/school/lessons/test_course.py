"""The list of the course and the lessons say the same, and nothing is used before it is introduced."""

import ast
import re
from typing import Any

import nbformat
import pytest

from course_lib.school.kit_files import NOTEBOOKS, ROOT
from course_lib.school.lessons.course import Lesson, course_map, lessons, table_of_lessons, word_list

TAUGHT = (
    "sqlalchemy",
    "alembic",
    "asyncpg",
    "aiosqlite",
    "fastapi",
    "httpx",
    "pandas",
    "pydantic",
    "course_lib",
)
LESSONS = lessons()

Course = list[tuple[Lesson, list[ast.Module]]]

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


def notebook(lesson: Lesson) -> Any:
    return nbformat.read(NOTEBOOKS / lesson.file, as_version=4)


def prose(lesson: Lesson) -> str:
    return "\n\n".join(cell.source for cell in notebook(lesson).cells if cell.cell_type == "markdown")


def trees(lesson: Lesson) -> list[ast.Module]:
    code = [cell.source for cell in notebook(lesson).cells if cell.cell_type == "code"]
    return [
        compile(source, lesson.name, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for source in code
    ]


def imported(tree: ast.AST) -> set[str]:
    """The names that a cell imports from the packages which the course teaches."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in TAUGHT:
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.partition(".")[0] in TAUGHT}
    return found


def used(tree: ast.AST) -> set[str]:
    """Every identifier of a cell: names, attributes, keywords of calls, imports."""
    found = imported(tree)
    for node in ast.walk(tree):
        found |= {node.id} if isinstance(node, ast.Name) else set()
        found |= {node.attr} if isinstance(node, ast.Attribute) else set()
        found |= {node.arg} if isinstance(node, ast.keyword) and node.arg else set()
    return found


def used_too_early(course: Course) -> list[str]:
    """Where a lesson uses a name that a later lesson introduces."""
    introduced_in = {name: lesson for lesson, _ in course for name in lesson.introduces}
    return [
        f"{lesson.name} uses {name}, which {introduced_in[name].name} introduces"
        for lesson, cells in course
        for name in sorted(set().union(*map(used, cells)) & introduced_in.keys())
        if introduced_in[name].name > lesson.name
    ]


def never_introduced(course: Course) -> list[str]:
    known = {name for lesson, _ in course for name in lesson.introduces}
    return [
        f"{lesson.name} imports {name}"
        for lesson, cells in course
        for name in sorted(set().union(*map(imported, cells)) - known)
    ]


def whole_course() -> Course:
    return [(lesson, trees(lesson)) for lesson in LESSONS]


def test_the_list_names_every_lesson_once() -> None:
    files = sorted(path.stem for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    assert [lesson.name for lesson in LESSONS] == files


def test_no_name_is_used_before_the_lesson_that_introduces_it() -> None:
    assert used_too_early(whole_course()) == []


def test_every_imported_name_is_introduced_by_a_lesson() -> None:
    assert never_introduced(whole_course()) == []


def test_no_name_is_introduced_twice() -> None:
    names = [name for lesson in LESSONS for name in lesson.introduces]
    assert sorted(names) == sorted(set(names))


@each_lesson
def test_a_lesson_uses_what_it_introduces(lesson: Lesson) -> None:
    assert set(lesson.introduces) - set().union(*map(used, trees(lesson))) == set()


@each_lesson
def test_a_lesson_builds_on_earlier_ones_alone(lesson: Lesson) -> None:
    earlier = [other.name for other in LESSONS if other.name < lesson.name]
    assert set(lesson.needs) <= set(earlier)


@each_lesson
def test_the_lesson_says_its_question_and_its_minutes(lesson: Lesson) -> None:
    assert lesson.question in prose(lesson)
    assert f"{lesson.minutes} minutes" in prose(lesson)


@each_lesson
def test_every_new_word_is_bold_under_the_heading_that_the_list_gives(lesson: Lesson) -> None:
    sections = dict(
        re.findall(r"^##+ ([^\n]+)\n(.*?)(?=^##+ |\Z)", prose(lesson), flags=re.DOTALL | re.MULTILINE)
    )
    for word, heading in lesson.words.items():
        assert f"**{word}**".lower() in sections.get(heading, "").lower(), (word, heading)


def test_no_word_is_explained_twice() -> None:
    words = [word.lower() for lesson in LESSONS for word in lesson.words]
    assert sorted(words) == sorted(set(words))


def test_the_map_has_every_lesson_and_every_arrow() -> None:
    drawn = course_map()
    assert drawn.svg.count('<path class="quiet"') == sum(len(lesson.needs) for lesson in LESSONS)
    assert all(f">{lesson.title}</text>" in drawn.svg for lesson in LESSONS)
    assert "08 Pagination: builds on 06 Isolation, 07 Eager loading." in repr(drawn)


def test_the_word_list_leads_to_every_word() -> None:
    rows = re.findall(r"^\| [^|]+ \| \[", word_list().markdown, flags=re.MULTILINE)
    assert len(rows) == sum(len(lesson.words) for lesson in LESSONS)


def test_the_word_list_is_shut_until_somebody_opens_it() -> None:
    assert word_list().markdown.startswith("<details><summary>")
    assert word_list().markdown.endswith("\n\n</details>")
    assert "<" not in repr(word_list())


def test_the_readme_has_the_same_table() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for lesson in LESSONS:
        link, question = re.escape(f"[{lesson.title}](notebooks/{lesson.file})"), re.escape(lesson.question)
        assert re.search(rf"\| {link} \| {question} \|.*\| {lesson.minutes} \|", readme), lesson.name
    assert all(lesson.file in table_of_lessons().markdown for lesson in LESSONS)


def test_the_check_sees_a_name_that_comes_too_early() -> None:
    early = Lesson("01_a", 1, "?", [], [], {})
    late = Lesson("02_b", 1, "?", [], ["joinedload"], {})
    course = [(early, [ast.parse("session.options(joinedload(x))")]), (late, [ast.parse("joinedload")])]
    assert used_too_early(course) == ["01_a uses joinedload, which 02_b introduces"]


def test_the_check_sees_a_name_that_nobody_introduces() -> None:
    course: Course = [(Lesson("01_a", 1, "?", [], [], {}), [ast.parse("from sqlalchemy import text")])]
    assert never_introduced(course) == ["01_a imports text"]
