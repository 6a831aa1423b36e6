"""Boxes of text with lines between them, in layers: what is needed stands above what needs it.

drawn({"users": ["PK id"], "posts": ["PK id"]}, [Link("users", "posts")], title="…", alt="…")
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from html import escape
from itertools import accumulate

from course_lib.lab.drawings import LETTER, Drawing, drawing

LINE, PADDING, GAP, GAP_WITH_WORDS = 17, 9, 28, 54  # pixels
HEAD = '<path class="ink" d="M-4 -8L0 0L4 -8" transform="translate({x} {y})"/>'

Places = Mapping[str, int]
Edges = Sequence[float]


@dataclass(frozen=True)
class Link:
    """A line from a box to one that needs it. It is an arrow, unless words stand at its two ends."""

    above: str
    below: str
    at_above: str = ""
    at_below: str = ""

    def turned(self) -> "Link":
        return Link(self.below, self.above, self.at_below, self.at_above)


def drawn(boxes: Mapping[str, Sequence[str]], links: Sequence[Link], *, title: str, alt: str) -> Drawing:
    """A box for each entry: its name, and below that its lines.

    A box that needs itself gets no line. Where boxes need each other, the first link says which one stands above.
    """
    sheet = _Sheet(boxes, _downward([link for link in links if link.above != link.below]))
    return drawing([*sheet.lines(), *sheet.frames()], sheet.size, title=title, alt=alt)


@dataclass
class _Sheet:
    """Which layer and which column a box has, and where that is in pixels."""

    boxes: Mapping[str, Sequence[str]]
    links: Sequence[Link]

    @cached_property
    def needs(self) -> dict[str, list[str]]:
        return {name: [link.above for link in self.links if link.below == name] for name in self.boxes}

    @cached_property
    def layer(self) -> Places:
        """Right above what needs it; what nothing needs stands as high as it can."""
        order = list(TopologicalSorter(self.needs).static_order())
        layer: dict[str, int] = {}
        for name in order:
            layer[name] = max((layer[above] + 1 for above in self.needs[name]), default=0)
        for name in reversed(order):
            below = [layer[other] for other in order if name in self.needs[other]]
            layer[name] = min(below, default=layer[name] + 1) - 1
        return layer

    @cached_property
    def column(self) -> Places:
        """In the middle below what it needs, or in the next free place to the right."""
        column: dict[str, int] = {}
        for layer in sorted(set(self.layer.values())):
            here = [name for name in self.boxes if self.layer[name] == layer]
            middle = {
                name: _mean([column[above] for above in self.needs[name]], otherwise=len(here))
                for name in here
            }
            first_free = 0
            for name in sorted(here, key=middle.__getitem__):
                column[name] = max(first_free, int(middle[name]) if self.needs[name] else 0)
                first_free = column[name] + 1
        return column

    @cached_property
    def lefts(self) -> Edges:
        return _edges(self.column, {name: self.needed_width(name) for name in self.boxes}, GAP)

    @cached_property
    def tops(self) -> Edges:
        return _edges(self.layer, {name: self.height(name) for name in self.boxes}, self.gap)

    @property
    def gap(self) -> int:
        return GAP_WITH_WORDS if any(link.at_below for link in self.links) else GAP

    @property
    def size(self) -> tuple[float, float]:
        return self.lefts[-1] - GAP, self.tops[-1] - self.gap

    def width(self, name: str) -> float:
        """That of the widest box in its column."""
        return self.lefts[self.column[name] + 1] - self.left(name) - GAP

    def needed_width(self, name: str) -> float:
        return 2 * PADDING + LETTER * max(map(len, (name, *self.boxes[name])))

    def height(self, name: str) -> float:
        return LINE * (1 + len(self.boxes[name])) + PADDING

    def left(self, name: str) -> float:
        return self.lefts[self.column[name]]

    def top(self, name: str) -> float:
        return self.tops[self.layer[name]]

    def floor(self, layer: int) -> float:
        """Where a layer ends and the gap below it begins."""
        return self.tops[layer + 1] - self.gap

    def frames(self) -> Iterator[str]:
        for name, lines in self.boxes.items():
            x, y = self.left(name), self.top(name)
            yield f'<g transform="translate({x:.0f} {y:.0f})"><rect class="card" rx="4" '
            yield f'width="{self.width(name):.0f}" height="{self.height(name):.0f}"/>'
            weight = ' font-weight="bold"' if lines else ""
            yield f'<text class="ink" x="{PADDING}" y="{LINE}"{weight}>{escape(name)}</text>'
            for row, line in enumerate(lines, 2):
                yield f'<text class="ink" x="{PADDING}" y="{LINE * row}" xml:space="preserve">'
                yield f"{escape(line)}</text>"
            yield "</g>"

    def lines(self) -> Iterator[str]:
        for link in self.links:
            (x, y), (to_x, to_y) = self.port(link, link.above), self.port(link, link.below)
            turn = self.turn(link)
            path = f"M{x:.0f} {y:.0f}V{self.floor(turn):.0f}L{to_x:.0f} {self.tops[turn + 1]:.0f}V{to_y:.0f}"
            yield f'<path class="quiet" d="{path}"/>'
            yield self.words(x, y + LINE, link.at_above)
            yield self.words(to_x, to_y - 6, link.at_below)
            if not link.at_below:
                yield HEAD.format(x=f"{to_x:.0f}", y=f"{to_y:.0f}")

    def words(self, x: float, y: float, text: str) -> str:
        return f'<text class="quiet halo" x="{x + 5:.0f}" y="{y:.0f}">{escape(text)}</text>' if text else ""

    def port(self, link: Link, name: str) -> tuple[float, float]:
        """Where a line meets a box: the lines of one box share its lower or its upper side."""
        side = [each for each in self.links if name == (each.above if name == link.above else each.below)]
        side.sort(key=lambda each: self.left(each.below if name == link.above else each.above))
        place = next(place for place, each in enumerate(side, 1) if each is link)  # two may be equal
        x = self.left(name) + self.width(name) * place / (len(side) + 1)
        return x, self.top(name) + (self.height(name) if name == link.above else 0)

    def turn(self, link: Link) -> int:
        """The layer below which a line leaves the column where it begins: the last one that leaves it room."""
        first, last = self.layer[link.above], self.layer[link.below] - 1
        between = [name for name in self.boxes if first < self.layer[name] <= last]
        room = all(self.column[name] != self.column[link.above] for name in between)
        return last if room else first


def _downward(links: Sequence[Link]) -> list[Link]:
    """The same links; one that would close a circle is turned round."""
    kept: list[Link] = []
    for link in links:
        kept.append(link.turned() if link.above in _below(link.below, kept) else link)
    return kept


def _below(name: str, links: Sequence[Link]) -> set[str]:
    """The box and all that stand below it."""
    return {name}.union(*(_below(link.below, links) for link in links if link.above == name))


def _mean(numbers: Sequence[float], *, otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise


def _edges(places: Places, sizes: Mapping[str, float], gap: float) -> Edges:
    """Where each layer (or column) begins, and where one more would."""
    largest = [
        max((sizes[name] for name in places if places[name] == place), default=0)
        for place in range(max(places.values()) + 1)
    ]
    return list(accumulate((size + gap for size in largest), initial=0))
