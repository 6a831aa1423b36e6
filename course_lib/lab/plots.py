"""Pictures of what was measured: each has a caption that is the answer, and alt text that carries the numbers.

statements_per_loader({"lazy": 21, "selectinload": 2}, caption="…", alt="Bars: statements sent by each loader")
"""

import math
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

A, B, DATABASE = "#0072B2", "#B34F00", "#6B6B6B"
"""One meaning for a colour everywhere: session A or the first line, session B or the second, the database."""
LINES = ((A, "o", "-"), (B, "s", "--"), (DATABASE, "^", ":"))
MANY = 8
LINE_HEIGHT = 12  # points
CARD = "max-width:100%;box-sizing:border-box;padding:8px;background:white;border:1px solid #A8A8A8;border-radius:6px"
"""A picture is black on white, on a dark page too: there it lies on a card."""

Line = Mapping[int, float]
Held = tuple[float, float, float]


@dataclass(frozen=True)
class Picture:
    """A PNG with its caption and its alt text, which every page keeps; in a terminal the two texts."""

    caption: str
    alt: str
    png: bytes

    def __repr__(self) -> str:
        return f"{self.caption}\n{self.alt}"

    def _repr_png_(self) -> bytes:
        return self.png

    def _repr_html_(self) -> str:
        source = f"data:image/png;base64,{b64encode(self.png).decode()}"
        return (
            f'<figure style="margin:0"><img style="{CARD}" alt="{escape(self.alt)}" src="{source}">'
            f"<figcaption>{escape(self.caption)}</figcaption></figure>"
        )


def picture(draw: "Callable[[Axes], Any]", *, caption: str, alt: str, height: float = 3.2) -> Picture:
    """What `draw` does to a pair of axes. `height` in inches; the width is 7.

    Raises ValueError without a caption, or with alt text that tells no number.
    """
    if not caption.strip():
        raise ValueError("a picture needs a caption: the answer that it gives, in a sentence")
    if not any(sign.isdigit() for sign in alt):
        raise ValueError(f"the alt text {alt!r} tells no number: say what is seen to those who do not see it")
    from matplotlib.figure import Figure  # takes a second: only who draws waits for it

    figure = Figure(figsize=(7, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes)
    figure.savefig(png := BytesIO(), format="png", dpi=110)
    return Picture(caption, alt, png.getvalue())


def statements_per_loader(counts: Mapping[str, int], *, caption: str, alt: str) -> Picture:
    """A bar for each loader. `alt` says what kind of picture it is; the numbers are added."""

    def draw(axes: "Axes") -> None:
        bars = axes.barh(list(counts), list(counts.values()), color=DATABASE)
        axes.bar_label(bars, padding=3)
        axes.invert_yaxis()
        axes.set(xlabel="statements sent", xlim=(0, 1.1 * max(1, *counts.values())))

    return picture(draw, caption=caption, alt=_told(alt, counts), height=1.2 + 0.4 * len(counts))


def cost_by_depth(
    lines: Mapping[str, Line], *, unit: str, caption: str, alt: str, log: bool = False
) -> Picture:
    """A line for each way of paging: page number → cost in `unit`. `log` for costs of several magnitudes."""
    return _lines(lines, ("page", unit), caption=caption, alt=alt, log=log)


def cost_by_size(lines: Mapping[str, Line], *, thing: str, unit: str, caption: str, alt: str) -> Picture:
    """A line for each way of doing it: number of `thing` → cost in `unit`."""
    return _lines(lines, (thing, unit), caption=caption, alt=alt, log=False)


def throughput_by_tasks(lines: Mapping[str, Line], *, unit: str, caption: str, alt: str) -> Picture:
    """A line for each setting: number of tasks at once → work done in `unit`, such as "transfers per second"."""
    return _lines(lines, ("tasks at once", unit), caption=caption, alt=alt, log=False)


def pool_timeline(tasks: Mapping[str, Held], *, caption: str, alt: str) -> Picture:
    """A row for each task: when it asked for a connection, got it, gave it back, in seconds."""

    def draw(axes: "Axes") -> None:
        for name, (asked, got, back) in tasks.items():
            axes.barh(name, got - asked, left=asked, color="white", edgecolor=DATABASE, hatch="///")
            axes.barh(name, back - got, left=got, color=DATABASE)
        axes.invert_yaxis()
        axes.set(xlabel="seconds; hatched: waits for a connection, filled: holds one", xlim=(0, None))

    told = {
        name: f"waits {got - asked:.2f} s, holds {back - got:.2f} s"
        for name, (asked, got, back) in tasks.items()
    }
    return picture(draw, caption=caption, alt=_told(alt, told), height=1.2 + 0.3 * len(tasks))


def _lines(lines: Mapping[str, Line], axis: tuple[str, str], *, caption: str, alt: str, log: bool) -> Picture:
    def draw(axes: "Axes") -> None:
        for place, points in enumerate(lines.values()):
            colour, marker, dash = LINES[place % len(LINES)]
            axes.plot(list(points), list(points.values()), color=colour, marker=marker, linestyle=dash)
        axes.set(xlabel=axis[0], ylabel=axis[1])
        if log:
            axes.set(xscale="log", yscale="log")
        else:
            axes.set_ylim(bottom=0)
        _label_ends(axes, lines)

    told = {name: _points_told(points) for name, points in lines.items()}
    return picture(draw, caption=caption, alt=_told(alt, told))


def _label_ends(axes: "Axes", lines: Mapping[str, Line]) -> None:
    """Each name beside the end of its line, or above the name below it where two lines end close together."""
    axes.figure.draw_without_rendering()  # type: ignore[union-attr]  # until then nothing has its place
    ends = [list(points.items())[-1] for points in lines.values()]
    heights = [axes.transData.transform(end)[1] * 72 / axes.figure.dpi for end in ends]
    lowest = -math.inf
    for place, name in sorted(enumerate(lines), key=lambda line: heights[line[0]]):
        at = max(heights[place], lowest)
        axes.annotate(
            name,
            ends[place],
            xytext=(6, at - heights[place]),
            textcoords="offset points",
            color=axes.lines[place].get_color(),
            va="center",
        )
        lowest = at + LINE_HEIGHT


def _points_told(points: Line) -> str:
    """Every point, or the ends and the extremes where there are many."""
    kept = list(points)
    if len(kept) > MANY:
        kept = sorted(
            {kept[0], kept[-1], min(kept, key=points.__getitem__), max(kept, key=points.__getitem__)}
        )
    return ", ".join(f"{_number(points[x])} at {_number(x)}" for x in kept)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3g}"


def _told(alt: str, numbers: Mapping[str, object]) -> str:
    """The first words, then the numbers: 'Bars: statements sent. lazy: 21; selectinload: 2.'"""
    if not alt.strip():
        raise ValueError("a picture needs alt text: its first words in alt=…, the numbers are added")
    if not numbers or "" in numbers.values():
        empty = [name for name, value in numbers.items() if value == ""]
        raise ValueError(f"there is nothing to draw{' for ' * bool(empty)}{', '.join(empty)}")
    return f"{alt.rstrip('. :')}. {'; '.join(f'{name}: {value}' for name, value in numbers.items())}."
