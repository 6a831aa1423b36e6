"""Which of the frames that are running, or of an error's, are those of the learner's own code."""

import inspect
from collections.abc import Callable
from traceback import walk_tb
from types import CodeType, FrameType
from typing import Any


def code_of(function: Callable[..., Any]) -> CodeType | None:
    return getattr(inspect.unwrap(function), "__code__", None)


def is_theirs(frame: FrameType | None, code: CodeType | None) -> bool:
    """Whether a frame runs a function out of the learner's cell. The cell itself may be the one that checks it."""
    if frame is None or code is None or frame.f_code.co_filename != code.co_filename:
        return False
    return not frame.f_code.co_name.startswith(("<module", "<cell line"))


def last_frame(error: BaseException) -> FrameType | None:
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return frames[-1] if frames else None
