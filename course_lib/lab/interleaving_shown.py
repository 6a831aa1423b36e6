"""What came of transactions side by side: the steps in the order of time, as a table and as a picture."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import accumulate, pairwise
from textwrap import wrap

from course_lib.lab.drawings import DIFFERENT, Drawing, drawing
from course_lib.lab.forms import Steps, drawn_as
from course_lib.lab.tables import ShownAsTable, Table

MARKS = {"waits": "○", "still waits": "○", "fails": "×", "ends": "■", "never ends": "×"}
LINE, LETTERS, LANE = 18, 34, 290  # pixels, letters, pixels
LEFT, TOP = 46, 40  # pixels: where the first lane and the first step begin


@dataclass(frozen=True)
class Step:
    """What `transaction` did in a `turn` of the order (None: behind the order).

    `kind` is does, waits, still waits, goes on, fails, ends or never ends; `answer` tells that a wait is over, or that
    it goes on for another reason.
    """

    turn: int | None
    transaction: str
    kind: str
    text: str
    answer: bool = False

    @property
    def words(self) -> str:
        between = " for " if self.waits else ": " if self.text else ""
        words = self.text if self.kind == "does" else f"{self.kind}{between}{self.text}"
        return f"… {words}" if self.answer else words

    @property
    def waits(self) -> bool:
        return self.kind in ("waits", "still waits")

    @property
    def moment(self) -> str:
        return "" if self.answer and self.turn else str(self.turn or "then")


@dataclass(repr=False)
class Interleaving(ShownAsTable):
    """`steps` in the order of time; `states` are committed, rolled back, ended, failed: …, never ended."""

    order: str
    steps: list[Step] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def caption(self) -> str:
        head = f"Order {self.order}" if self.order else "No step yet"
        return f"{head}: " + ", ".join(f"{name} {state}" for name, state in self.states.items())

    def table(self) -> Table:
        rows = [
            (step.moment, *(step.words if name == step.transaction else "" for name in self.states))
            for step in self.steps
        ]
        return Table(self.caption, ("step", *self.states), rows, self.notes)

    def picture(self) -> Drawing:
        """A lane for each transaction, time downwards."""
        told = [f"{step.transaction} {step.words}" for step in self.steps]
        alt = ". ".join([self.caption, *told, *(note.rstrip(".") for note in self.notes)]) + "."
        return _drawn(self, alt)


@dataclass(repr=False)
class Halfway(Interleaving):
    """Stopped where the order ends; a page draws it with buttons for the next step.

    `states` may also be not begun, open, and waits for …; those in `open` can do a step.
    """

    open: Sequence[str] = ()

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return drawn_as(Steps([*self.states], self.order, self.open, self.states))


def _drawn(shown: Interleaving, alt: str) -> Drawing:
    lines = [wrap(step.words, LETTERS) for step in shown.steps]
    tops = list(accumulate((LINE * len(some) + 8 for some in lines), initial=TOP))
    rows = list(zip(tops, shown.steps, lines, strict=False))
    parts = [f'<text class="quiet" y="{y}">{step.moment}</text>' for y, step, _ in rows]
    for number, name in enumerate(shown.states):
        mine = [row for row in rows if row[1].transaction == name]
        head = f"{name}: {shown.states[name]}"
        parts += _lane(head, mine, LEFT + LANE * number, DIFFERENT[number % len(DIFFERENT)])
    size = LEFT + LANE * len(shown.states), tops[-1] - LINE
    return drawing(parts, size, title=shown.caption, alt=alt)


def _lane(head: str, steps: Sequence[tuple[int, Step, list[str]]], x: int, color: str) -> Iterator[str]:
    """A line that is dashed while its transaction waits; on it a mark for each step, and beside that its words."""
    yield f'<g class="{color}"><text x="{x - 4}" y="10" font-weight="bold">{escape(head)}</text>'
    for (top, step, _), (bottom, *_) in pairwise(steps):
        dash = ' stroke-dasharray="2 5"' if step.waits else ""
        yield f'<path class="{color}" d="M{x} {top - 4}V{bottom - 4}" stroke-width="2"{dash}/>'
    for y, step, lines in steps:
        yield f'<text class="halo" x="{x}" y="{y}" text-anchor="middle">'
        yield f"{MARKS.get(step.kind, '●')}</text>"
        for row, line in enumerate(lines):
            yield f'<text x="{x + 12}" y="{y + LINE * row}">{escape(line)}</text>'
    yield "</g>"
