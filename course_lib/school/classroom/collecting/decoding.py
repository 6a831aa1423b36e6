"""Bytes that should be a notebook, as text and as JSON; what they are instead is told by name."""

import codecs
import json
import re
from typing import Any

MARKS = (  # the longer ones first: one of UTF-32 begins as one of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
AGAIN = "Ask for the file again."
CHOOSE = "Ask its learner to choose one of them."


class Unreadable(Exception):
    """No notebook can be made of it: `reason` says why, `remedy` what to do."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        self.reason, self.remedy = reason, remedy
        super().__init__(f"{reason}. {remedy}".strip())


def text_of(content: bytes) -> tuple[str, list[str]]:
    """The text in these bytes, and what had to be put right to read it. Raises Unreadable."""
    if not content.strip(b"\0 \t\r\n\x0c"):
        raise Unreadable("is empty", AGAIN)
    mark, coding = _coding_of(content)
    try:
        text = content[len(mark) :].decode(coding)
    except UnicodeDecodeError as error:
        if looks_like_notebook(content):
            raise Unreadable("is not in UTF-8", "Ask for it as Jupyter saves it: that is UTF-8.") from error
        raise Unreadable("is no notebook") from error
    whole = text.rstrip("\0")  # what a power cut or a program that copies files leaves behind the end
    mended = ["its encoding"] if mark or coding != "utf-8" else []
    return whole, [*mended, *(["zeros behind its end"] if whole != text else [])]


def _coding_of(content: bytes) -> tuple[bytes, str]:
    """The mark at the beginning, and the encoding. Without a mark the zeros beside the first brace say it."""
    marked = next(((mark, coding) for mark, coding in MARKS if content.startswith(mark)), None)
    if marked:
        return marked
    start = content.lstrip(b" \t\r\n")[:2] if content[:1] in b" \t\r\n" else content[:2]
    bare = {b"{\0": "utf-16-le", b"\0{": "utf-16-be"}
    return b"", bare.get(start, "utf-8")


def looks_like_notebook(content: bytes) -> bool:
    """Whether the first sign is a brace, in any encoding that a program writes: all else is no notebook for sure."""
    start = content[:64]
    for mark, _ in MARKS:
        start = start.removeprefix(mark)
    return start.strip(b"\0 \t\r\n")[:1] == b"{"


def loaded(text: str) -> Any:
    """The JSON in a text. Raises Unreadable."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise Unreadable("is nested too deeply for a notebook", AGAIN) from error
    except json.JSONDecodeError as error:
        raise _why_no_json(text, error) from error
    except ValueError as error:  # a number with more digits than Python reads
        raise Unreadable(f"is no notebook ({error})", AGAIN) from error


def _why_no_json(text: str, error: json.JSONDecodeError) -> Unreadable:
    if re.match(r"\s*(<!doctype|<html|<\?xml|<head|<body)", text, re.IGNORECASE):
        return Unreadable("is a web page, not the notebook", "Ask for the file: a saved page has no cells.")
    if re.search(r"^(<<<<<<<|>>>>>>>) ", text, re.MULTILINE):
        return Unreadable("has two versions in it, as git leaves them where both were changed", CHOOSE)
    if not text.lstrip().startswith(("{", "[")):
        return Unreadable("is no notebook")
    whole = text.rstrip()
    unfinished = error.pos >= len(whole) or not whole.endswith(("}", "]"))
    if unfinished:
        return Unreadable(f"breaks off in line {error.lineno}, before its end", AGAIN)
    told = f"is no notebook (line {error.lineno}, column {error.colno}: {error.msg})"
    return Unreadable(told, "Ask for it as Jupyter saves it.")
