"""What nbgrader shows of a graded notebook, made into a page for its learner."""

import re
from collections.abc import Mapping
from html import escape

from course_lib.school.classroom.cells import Part

SCRIPT = re.compile(r"<script\b.*?</script\s*>", re.IGNORECASE | re.DOTALL)
CONTENTS = re.compile(r"""(<a href="#(?P<name>[^"]+)">)Test cell(?=</a>)""")
GRADE_CELL = re.compile(r"Grade cell: <code>(?P<name>[^<]+)</code>")
STYLE = "<style>th, td { padding: .2em .7em; vertical-align: top; } caption { color: inherit; }</style>"


def for_learners(page: str, parts: Mapping[str, Part]) -> str:
    """nbgrader's page without scripts, which it would load from elsewhere, and with the exercises by their names."""

    def title(cell: re.Match[str]) -> str:
        part = parts.get(cell["name"])
        return escape(f"{part.exercise} {part.title}") if part else cell["name"]

    page = SCRIPT.sub("", page).replace("</head>", f"{STYLE}\n</head>", 1)
    page = CONTENTS.sub(lambda cell: cell[1] + title(cell), page)
    page = GRADE_CELL.sub(lambda cell: f"The check of {title(cell)}", page)
    return page.replace(">Student's answer<", ">Your answer<")
