"""The teacher's report as one page: it needs no network and no script, and can be printed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from course_lib.school.classroom.cells import Part
from course_lib.school.classroom.course_folder import Notice
from course_lib.school.classroom.results.graded_outcomes import OUTCOMES, Met, Result, met

STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; color: #111; }
table { border-collapse: collapse; margin: 0 0 1.5rem; width: 100%; }
caption { text-align: left; padding-bottom: .5rem; }
th, td { border: 1px solid #767676; padding: .25rem .5rem; text-align: left; vertical-align: top; }
td.number { text-align: right; }
ul { margin: 0; padding-left: 1.2rem; }
.example { display: block; color: #444; }
@media print { body { margin: 0; font-size: 10pt; } thead { display: table-header-group; } tr { break-inside: avoid; } }
"""
BY_EXERCISE = (
    "How many passed each exercise, and which misconception how many met, with what one learner was told. "
    "A slip is a mistake in what was typed or returned; it says nothing of what a learner believes."
)
BY_LEARNER = (
    "What came of each exercise, and the points. A name leads to the page that this learner gets back."
)


@dataclass(frozen=True)
class Class:
    """All that the page tells. `pages` are addresses in the course folder, `names` what a folder's name stands for."""

    name: str
    checks: list[Part]
    results: list[Result]
    names: Mapping[str, str]
    totals: Mapping[str, float]
    pages: Mapping[str, str]
    unusual: list[Notice]

    def called(self, student: str) -> str:
        return self.names.get(student, student)


def page_of(shown: Class) -> str:
    title = f"{shown.name[:2]} {shown.name[3:].replace('_', ' ').capitalize()}: what the class met"
    learners = len({result.student for result in shown.results})
    told = [f"{shown.called(each.student)}: {each.told}" for each in shown.unusual]
    unusual = f"<h2>Unusual notebooks</h2>\n{_list(map(escape, told))}" if told else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p>Learners graded: {learners}.</p>
<h2>Exercises</h2>
{_by_exercise(shown)}
<h2>Learners</h2>
{_by_learner(shown)}
{unusual}
</body>
</html>
"""


def _by_exercise(shown: Class) -> str:
    rows = []
    for check in shown.checks:
        own = [result for result in shown.results if result.exercise == check.exercise]
        times = Counter(result.outcome for result in own)
        counts = map(_number, [check.points, *(times[outcome] for outcome in OUTCOMES)])
        ways = (f"<td>{_list(map(_way, met(own, slips=slips)))}</td>" for slips in (False, True))
        rows.append(_row(escape(f"{check.exercise} {check.title}"), [*counts, *ways]))
    return _table(BY_EXERCISE, ["exercise", "points", *OUTCOMES, "misconceptions", "slips"], rows)


def _by_learner(shown: Class) -> str:
    said = {(result.student, result.exercise): str(result) for result in shown.results}
    most = sum(check.points for check in shown.checks)
    rows = []
    for student in dict.fromkeys(result.student for result in shown.results):
        cells = [f"<td>{escape(said.get((student, check.exercise), ''))}</td>" for check in shown.checks]
        rows.append(_row(_name(shown, student), [*cells, _number(shown.totals.get(student, 0))]))
    heads = ["learner", *(check.exercise for check in shown.checks), f"points of {most:g}"]
    return _table(BY_LEARNER, heads, rows)


def _name(shown: Class, student: str) -> str:
    """The page stands in reports/LESSON, and what it leads to in feedback/LEARNER/LESSON."""
    name, page = escape(shown.called(student)), shown.pages.get(student)
    return f'<a href="../../{quote(page)}">{name}</a>' if page else name


def _way(way: Met) -> str:
    example = f'<span class="example">For example: {escape(way.told)}</span>' if way.told else ""
    return f"{escape(str(way))}{example}"


def _number(value: float) -> str:
    return f'<td class="number">{value:g}</td>'


def _row(head: str, cells: Iterable[str]) -> str:
    return f'<tr><th scope="row">{head}</th>{"".join(cells)}</tr>'


def _table(caption: str, heads: Iterable[str], rows: list[str]) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "\n".join(rows)
    titled = f"<caption>{escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>"
    return f"<table>\n{titled}\n<tbody>\n{body}\n</tbody>\n</table>"


def _list(items: Iterable[str]) -> str:
    """Items are HTML already."""
    found = "".join(f"<li>{item}</li>" for item in items)
    return f"<ul>{found}</ul>" if found else ""
