"""A drawing in SVG that suits a light page and a dark one, and the same in words for those who do not see it.

Its colours are classes: `ink` and `quiet` for letters and lines, `a` to `e` for what differs.
"""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

LIGHT = {
    "card": "#FFFFFF",
    "ink": "#1A1A1A",
    "quiet": "#6B6B6B",
    "a": "#0072B2",
    "b": "#B34F00",
    "c": "#117733",
    "d": "#882255",
    "e": "#6B6B6B",
}
DARK = {
    "card": "#1E1E1E",
    "ink": "#EDEDED",
    "quiet": "#A8A8A8",
    "a": "#56B4E9",
    "b": "#F0A05A",
    "c": "#5FC98A",
    "d": "#E39AC4",
    "e": "#A8A8A8",
}
DIFFERENT = "abcde"
MARGIN = 12  # pixels
LETTER = 7.3  # pixels: the width of a letter of 12 pixels in the fonts that browsers use


@dataclass(frozen=True)
class Drawing:
    """SVG, and the same in words: its alternative text, which a terminal shows.

    A page gets it as an image, which no cleaning of HTML takes apart. Inside an image, a browser asks for the colours
    that the place of the image has: JupyterLab's theme, or a page's own.
    """

    svg: str
    alt: str

    def __repr__(self) -> str:
        return self.alt

    def _repr_html_(self) -> str:
        source = f"data:image/svg+xml;base64,{b64encode(self.svg.encode()).decode()}"
        alt = escape(" ".join(self.alt.split()))
        return f'<figure style="margin:0"><img alt="{alt}" src="{source}"></figure>'

    def _repr_svg_(self) -> str:
        return self.svg


def drawing(parts: Iterable[str], size: tuple[float, float], *, title: str, alt: str) -> Drawing:
    """`parts` of SVG on a card. `size` is the width and height in pixels that they fill."""
    width, height = (round(side + 2 * MARGIN) for side in size)
    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(alt)}" width="{width}" '
        f'height="{height}" viewBox="{-MARGIN} {-MARGIN} {width} {height}" '
        'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="12">',
        f"<title>{escape(title)}</title><desc>{escape(alt)}</desc>",
        f"<style>{_rules(LIGHT)}@media (prefers-color-scheme: dark) {{{_rules(DARK)}}}",
        "</style>",
        f'<rect class="card" x="{0.5 - MARGIN}" y="{0.5 - MARGIN}" '
        f'width="{width - 1}" height="{height - 1}" rx="6" stroke-opacity="0.4"/>',
        *parts,
        "</svg>",
    ]
    return Drawing("".join(svg), alt)


def _rules(colors: dict[str, str]) -> str:
    """A class for each colour: letters are filled with it, lines are drawn with it."""
    card = colors["card"]
    rules = [
        f".card {{fill: {card}; stroke: {colors['quiet']}}}",
        f".halo {{stroke: {card}; stroke-width: 4; paint-order: stroke}}",
    ]
    for name in ("ink", "quiet", *DIFFERENT):
        rules.append(f".{name} {{fill: {colors[name]}}}")
        rules.append(f"path.{name} {{fill: none; stroke: {colors[name]}}}")
    return "".join(rules)
