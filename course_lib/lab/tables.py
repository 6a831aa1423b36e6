"""A table that a notebook draws, a terminal prints, and a comparison of two runs understands."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from course_lib.lab.markdown_note import as_markdown


@dataclass
class Table:
    """`caption` says what the table shows; `notes` stand below it; the columns named in `code` are set as code."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    notes: Sequence[str] = field(default_factory=list)
    code: Sequence[str] = ()

    def __repr__(self) -> str:
        cells = [self.columns, *([str(cell) for cell in row] for row in self.rows)]
        widths = [max(len(row[place]) for row in cells) for place in range(len(self.columns))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells
        ]
        lines.insert(1, "  ".join("─" * width for width in widths))
        return "\n".join(line.rstrip() for line in [self.caption, *lines, *self.notes])

    def _repr_html_(self) -> str:
        head = "".join(
            f'<th scope="col" style="text-align:left">{escape(name)}</th>' for name in self.columns
        )
        body = "".join(f"<tr>{''.join(map(self._cell, self.columns, row))}</tr>" for row in self.rows)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        caption = f'<caption style="caption-side:top;text-align:left">{escape(self.caption)}</caption>'
        table = f"{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        return f'<table style="font-size:inherit">{table}</table>{notes}'

    def _repr_markdown_(self) -> str:
        ruler = ["---"] * len(self.columns)
        rows = [list(map(self._markdown_cell, self.columns, row)) for row in self.rows]
        lines = [f"| {' | '.join(row)} |" for row in [map(as_markdown, self.columns), ruler, *rows]]
        told = [f"**{as_markdown(self.caption)}**", "\n".join(lines), *map(as_markdown, self.notes)]
        return "\n\n".join(told)

    def _cell(self, column: str, content: object) -> str:
        text = escape(str(content))
        if column in self.code and text:
            text = f"<code>{text}</code>"
        return f'<td style="text-align:left">{text}</td>'

    def _markdown_cell(self, column: str, content: object) -> str:
        text = str(content)
        if column in self.code and text and "`" not in text:
            return f"`{' '.join(text.split())}`".replace("|", r"\|")
        return as_markdown(text)


class ShownAsTable:
    """What a notebook shows of an object that has more to it: its table."""

    def table(self) -> Table:
        raise NotImplementedError

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def _repr_markdown_(self) -> str:
        return self.table()._repr_markdown_()
