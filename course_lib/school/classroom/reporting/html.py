"""The parts of a page: whole pages, tables and lists, which need no network and no script, and can be printed."""

from collections.abc import Iterable
from html import escape

STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; color: #111; }
table { border-collapse: collapse; margin: 0 0 1.5rem; width: 100%; }
caption { text-align: left; padding-bottom: .5rem; }
th, td { border: 1px solid #767676; padding: .25rem .5rem; text-align: left; vertical-align: top; }
td.number { text-align: right; }
ul, ol { margin: 0; padding-left: 1.2rem; }
.example { display: block; color: #444; }
@media print { body { margin: 0; font-size: 10pt; } thead { display: table-header-group; } tr { break-inside: avoid; } }
"""


def whole_page(title: str, *parts: str) -> str:
    """`title` is text; `parts` are HTML, and an empty one leaves no line."""
    body = "\n".join(part for part in parts if part)
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
{body}
</body>
</html>
"""


def section(heading: str, html: str) -> str:
    """A heading with what stands below it; nothing at all where nothing does."""
    return f"<h2>{escape(heading)}</h2>\n{html}" if html else ""


def table(caption: str, heads: Iterable[str], rows: list[str]) -> str:
    """`rows` come from `row`; without any there is no table."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "\n".join(rows)
    titled = f"<caption>{escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>"
    return f"<table>\n{titled}\n<tbody>\n{body}\n</tbody>\n</table>" if rows else ""


def row(head: str, cells: Iterable[str]) -> str:
    """`head` is HTML; `cells` come from `cell` and `number`."""
    return f'<tr><th scope="row">{head}</th>{"".join(cells)}</tr>'


def cell(html: str) -> str:
    return f"<td>{html}</td>"


def number(value: float) -> str:
    return f'<td class="number">{value:g}</td>'


def listed(items: Iterable[str], kind: str = "ul") -> str:
    """Items are HTML already; `ol` counts them."""
    found = "".join(f"<li>{item}</li>" for item in items)
    return f"<{kind}>{found}</{kind}>" if found else ""
