"""The teacher's report on a lesson: who passed what, and which misconception how many met."""

from collections import Counter
from collections.abc import Iterable
from html import escape
from pathlib import Path

from course_lib.lab.classroom.cells import Part, cells_of, oddities, parts_of
from course_lib.lab.classroom.collecting import submitted
from course_lib.lab.classroom.folder import ClassroomError, lesson_named, released
from course_lib.lab.classroom.grading import reports, write_csv
from course_lib.lab.classroom.results import NOT_YET, OUTCOMES, PASSED, Result, results_of

UNNAMED = "without a name"
STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #111; }
table { border-collapse: collapse; margin: 1.5rem 0; width: 100%; }
caption { text-align: left; font-weight: bold; padding-bottom: .5rem; }
th, td { border: 1px solid #767676; padding: .25rem .5rem; text-align: left; vertical-align: top; }
td.number { text-align: right; }
ul { margin: 0; padding-left: 1.2rem; }
@media print { body { margin: 0; font-size: 10pt; } thead { display: table-header-group; } tr { break-inside: avoid; } }
"""


def report(folder: Path, lesson: str) -> Path:
    """Write exercises.csv, outcomes.csv and report.html from what was graded; gives the page."""
    name = lesson_named(folder, lesson)
    parts = parts_of(released(folder, name))
    results = results_of(folder, name, parts)
    if not results:
        raise ClassroomError(f"nothing of {name} is graded yet. Grade it first.")
    checks = [part for part in parts.values() if part.role == "check"]
    place = reports(folder, name)
    write_csv(place / "outcomes.csv", _outcomes(results))
    write_csv(place / "exercises.csv", [_HEAD, *(_line(check, results) for check in checks)])
    page = place / "report.html"
    page.write_text(_page(name, checks, results, _odd(folder, name, parts)), encoding="utf-8", newline="\n")
    return page


_HEAD = ["exercise", "title", "points", "learners", *OUTCOMES, "misconceptions", "who passed"]


def _outcomes(results: list[Result]) -> list[list[str]]:
    rows = [[result.student, result.exercise, result.outcome, result.why] for result in results]
    return [["student", "exercise", "outcome", "why"], *rows]


def _line(check: Part, results: list[Result]) -> list[object]:
    own = [result for result in results if result.exercise == check.exercise]
    times = Counter(result.outcome for result in own)
    passed = [result.student for result in own if result.outcome == PASSED]
    counts = [times[outcome] for outcome in OUTCOMES]
    met = "; ".join(misconceptions(own))
    return [check.exercise, check.title, check.points, len(own), *counts, met, "; ".join(passed)]


def misconceptions(results: list[Result]) -> list[str]:
    """Such as "14 of 25: N+1", the most frequent first; `results` are those of one exercise."""
    met = Counter(result.why or UNNAMED for result in results if result.outcome == NOT_YET)
    return [f"{times} of {len(results)}: {what}" for what, times in met.most_common()]


def _odd(folder: Path, name: str, parts: dict[str, Part]) -> list[str]:
    """What is unusual about the collected notebooks, said again for those who were not there at collecting."""
    return [
        f"{student}: {told}"
        for student, notebook in submitted(folder, name).items()
        for told in oddities(cells_of(notebook.read_bytes()), parts)
    ]


def _page(name: str, checks: list[Part], results: list[Result], odd: list[str]) -> str:
    title = f"{name[:2]} {name[3:].replace('_', ' ').capitalize()}: what the class met"
    learners = len({result.student for result in results})
    unusual = f"<h2>Unusual notebooks</h2>\n{_list(odd)}" if odd else ""
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
{_by_exercise(checks, results)}
{_by_learner(checks, results)}
{unusual}
</body>
</html>
"""


def _by_exercise(checks: list[Part], results: list[Result]) -> str:
    caption = "Each exercise: how many passed, and which misconception how many met"
    rows = []
    for check in checks:
        own = [result for result in results if result.exercise == check.exercise]
        times = Counter(result.outcome for result in own)
        counts = "".join(f'<td class="number">{times[outcome]}</td>' for outcome in OUTCOMES)
        name = escape(f"{check.exercise} {check.title}")
        rows.append(f'<tr><th scope="row">{name}</th>{counts}<td>{_list(misconceptions(own))}</td></tr>')
    return _table(caption, ["exercise", *OUTCOMES, "misconceptions"], rows)


def _by_learner(checks: list[Part], results: list[Result]) -> str:
    said = {(result.student, result.exercise): str(result) for result in results}
    rows = []
    for student in dict.fromkeys(result.student for result in results):
        cells = (escape(said.get((student, check.exercise), "")) for check in checks)
        rows.append(
            f'<tr><th scope="row">{escape(student)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        )
    return _table("Each learner", ["learner", *(check.exercise for check in checks)], rows)


def _table(caption: str, heads: Iterable[str], rows: list[str]) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "\n".join(rows)
    titled = f"<caption>{escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>"
    return f"<table>\n{titled}\n<tbody>\n{body}\n</tbody>\n</table>"


def _list(texts: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>" if texts else ""
