"""The course as one list: which lesson needs which, what each one introduces, and where each word is explained."""

import tomllib
from dataclasses import dataclass

from course_lib.lab.boxes import Link, drawn
from course_lib.lab.drawings import Drawing
from course_lib.lab.markdown_note import Note
from course_lib.school.kit_files import COURSE, NOTEBOOKS


@dataclass(frozen=True)
class Lesson:
    """One entry of notebooks/course.toml.

    `needs` are the lessons it builds on, `introduces` the names that no lesson before it uses, and `words` gives each
    word of its own with the heading under which it is explained.
    """

    name: str
    minutes: int
    question: str
    needs: list[str]
    introduces: list[str]
    words: dict[str, str]

    @property
    def number(self) -> str:
        return self.name[:2]

    @property
    def title(self) -> str:
        return title_of(self.name)

    @property
    def file(self) -> str:
        return f"{self.name}.ipynb"

    @property
    def exercises(self) -> str:
        return exercise_notebook(self.name)


def title_of(lesson: str) -> str:
    """'07 Eager loading' for '07_eager_loading'."""
    return f"{lesson[:2]} {lesson[3:].replace('_', ' ').capitalize()}"


def exercise_notebook(lesson: str) -> str:
    """Where the exercises of '07_eager_loading' stand, in the kit as in a learner's copy.

    A tab shows the beginning of a file's name and no folder, so it begins otherwise than the lesson's.
    """
    return f"exercises/ex{lesson}.ipynb"


class UnknownLesson(Exception):
    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        super().__init__(
            f"there is no lesson {wanted!r}; there are {', '.join(each.name for each in lessons())}"
        )


def lesson_named(wanted: str) -> Lesson:
    """The lesson '07' or '07_eager_loading'. Raises UnknownLesson."""
    for lesson in lessons():
        if wanted.zfill(2) in (lesson.number, lesson.name):
            return lesson
    raise UnknownLesson(wanted)


def lessons() -> list[Lesson]:
    """All lessons, in their order."""
    return [Lesson(**entry) for entry in tomllib.loads(COURSE.read_text("utf-8"))["lesson"]]


def reference_pages() -> list[str]:
    """The notebooks that are no lesson, by their names without a number: they are looked up, and have no exercises."""
    return sorted(path.stem for path in NOTEBOOKS.glob("[a-z]*.ipynb"))


def course_map() -> Drawing:
    """Which lesson builds on which: an arrow leads from what is needed to what needs it."""
    titles = {lesson.title: () for lesson in lessons()}
    links = [Link(title_of(needed), lesson.title) for lesson in lessons() for needed in lesson.needs]
    told = [
        f"{lesson.title}: builds on {', '.join(map(title_of, lesson.needs)) or 'nothing'}."
        for lesson in lessons()
    ]
    return drawn(titles, links, title="The lessons of the course", alt="\n".join(told))


def table_of_lessons() -> Note:
    """Each lesson, the question it answers, and its minutes; the name leads to the lesson."""
    rows = [
        f"| [{lesson.title}]({lesson.file}) | {lesson.question} | {lesson.minutes} |" for lesson in lessons()
    ]
    return Note("\n".join(["| lesson | the question it answers | minutes |", "|---|---|---|", *rows]))


def word_list() -> Note:
    """Each word of the course, in the order of the alphabet, with a link to where it is explained.

    It is long: a page shows it to those who open it.
    """
    places = sorted(
        ((word, heading, lesson) for lesson in lessons() for word, heading in lesson.words.items()),
        key=lambda place: place[0].lower(),
    )
    rows = [
        f"| {word} | [{lesson.title}: {heading}]({lesson.file}#{heading.replace(' ', '-')}) |"
        for word, heading, lesson in places
    ]
    table = "\n".join(["| word | explained in |", "|---|---|", *rows])
    head = f"{len(rows)} words, and where each one is explained"
    return Note(f"<details><summary>{head}</summary>\n\n{table}\n\n</details>", plain=f"{head}\n\n{table}")
