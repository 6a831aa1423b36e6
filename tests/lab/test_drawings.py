"""A drawing can be read on a light page and on a dark one, and says in words what it shows."""

import base64
import re
from xml.etree import ElementTree

import pytest

from course_lib.lab.drawings import DARK, DIFFERENT, LIGHT, Drawing, drawing

WORD = '<text class="ink">told</text>'


def some_drawing() -> Drawing:
    return drawing([WORD], (100, 40), title="A < B", alt='One "word".\nNo more.')


def brightness(color: str) -> float:
    """The relative luminance of WCAG, from 0 to 1."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "quiet", *DIFFERENT])
def test_every_color_can_be_read_on_its_card(colors: dict[str, str], name: str) -> None:
    low, high = sorted((brightness(colors[name]), brightness(colors["card"])))
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_the_dark_colors_hold_where_a_dark_page_shows_it() -> None:
    light, dark = re.split(r"@media \(prefers-color-scheme: dark\)", some_drawing().svg)
    assert all(color in light for color in LIGHT.values())
    assert all(color in dark for color in DARK.values())


def test_the_drawing_says_in_words_what_it_shows() -> None:
    svg = ElementTree.fromstring(some_drawing().svg)
    assert svg.get("role") == "img"
    assert svg.findtext("{*}title") == "A < B"
    assert svg.findtext("{*}desc") == repr(some_drawing()) == 'One "word".\nNo more.'


def test_a_page_gets_an_image_whose_alt_text_is_the_words() -> None:
    shape = r'<figure style="margin:0"><img alt="(.+)" src="data:image/svg\+xml;base64,(.+)"></figure>'
    found = re.fullmatch(shape, some_drawing()._repr_html_())
    assert found
    assert found[1] == "One &quot;word&quot;. No more."
    assert base64.b64decode(found[2]).decode() == some_drawing()._repr_svg_()


def test_nothing_that_is_drawn_lies_beyond_the_card() -> None:
    svg = ElementTree.fromstring(some_drawing().svg)
    assert (svg.get("width"), svg.get("height"), svg.get("viewBox")) == ("124", "64", "-12 -12 124 64")
