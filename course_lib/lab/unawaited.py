"""What an error holds and nobody awaited is freed at once, so that no word of it comes later, in an innocent cell.

Behind the touch of a lazy relationship stands the coroutine of a cursor. Left alone it waits for Python's collector,
which warns of it wherever it happens to run; in the middle of a namedtuple no filter of warnings helps.
"""

import gc
import warnings
from traceback import clear_frames


def let_go(error: BaseException | None, *, collect: bool = False) -> None:
    """Empty the frames of an error, and of those behind it.

    `collect` is for an error that somebody made of another and lost: it frees whatever nobody can reach any more.
    """
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        while error:
            clear_frames(error.__traceback__)
            error = error.__cause__ or error.__context__
        if collect:
            gc.collect()
