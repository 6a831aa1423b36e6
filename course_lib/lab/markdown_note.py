"""Something said in Markdown on a page and in plain text elsewhere; code from a file; an error without its noise."""

import re
from html import escape

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

AUTOFLUSH = r"\(raised as a result of Query-invoked autoflush;[^)]*\)\s*"
NOISE = re.compile(
    rf"^(?:{AUTOFLUSH})?\([\w.]+\) |<class '[\w.]+'>: |\[Errno \d+\] |\s*\[SQL: .*"
    r"|\s*\(Background on this error at: \S+\)|\s*For further information visit \S+"
    r"|\s*To begin a new transaction with this Session, first issue .*"
    r"|\s*\[type=\w+, input_\w+=.*?\](?=\s|$)| at 0x[0-9A-Fa-f]+",
    re.DOTALL,
)
"""What differs from version to version or from system to system, and tells a learner nothing."""

CODE = re.compile(r"```\w*\n(.*?)```|`([^`]*)`", re.DOTALL)

MEANS_SOMETHING = re.compile(r"[\\`*\[\]|$~]|(?<!\w)_|_(?!\w)")
"""What Markdown reads as a mark. An underscore within a word is none."""


class Note:
    """Something said in Markdown on a page, and in plain text everywhere else."""

    def __init__(self, markdown: str, *, plain: str = "") -> None:
        self.markdown = markdown
        self.plain = plain or _plain(markdown)

    def __repr__(self) -> str:
        return self.plain

    def _repr_markdown_(self) -> str:
        return self.markdown


class Source(Note):
    """Lines of Python from a file. A narrow page breaks them between words, where JupyterLab would within one."""

    def __init__(self, place: str, code: str) -> None:
        super().__init__(f"`{place}`\n\n```python\n{code}\n```", plain=f"{place}\n\n{code}")
        self.place, self.code = place, code

    def _repr_html_(self) -> str:
        lines = highlight(self.code, PythonLexer(), HtmlFormatter(nowrap=True)).rstrip()
        return (
            f'<p><code>{escape(self.place)}</code></p><div class="highlight">'
            f'<pre style="white-space:pre-wrap;word-break:normal;overflow-wrap:normal">{lines}</pre></div>'
        )


def as_markdown(text: str) -> str:
    """Plain text on one line, in such a way that a page shows each of its letters."""
    return escape(MEANS_SOMETHING.sub(r"\\\g<0>", " ".join(text.split())), quote=False)


def _plain(markdown: str) -> str:
    """The same without marks; what stands in code keeps its stars."""
    parts = CODE.split(markdown)
    parts[::3] = [text.replace("**", "") for text in parts[::3]]
    return "".join(part for part in parts if part)


def without_noise(error: BaseException) -> str:
    """What an error says, without the names of classes, the statement and the links that stand around it."""
    return NOISE.sub("", str(error)).strip()
