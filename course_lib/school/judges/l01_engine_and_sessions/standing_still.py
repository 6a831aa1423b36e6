"""When tasks stand still: each waits for another one or for a lock, and none for the database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

GLANCE = 0.01
"""Seconds between two looks: how soon it is noticed, never what is found."""
ASYNCIO = str(Path(asyncio.__file__).parent)


@asynccontextmanager
async def noticed(code_file: str, give_way: Callable[[set[asyncio.Task[Any]]], None]) -> AsyncIterator[None]:
    """Call `give_way` whenever all tasks that begin in this block stand still.

    `code_file` is the learner's: what it awaits by itself is a task or a `gather`.
    """
    before = asyncio.all_tasks()

    async def look() -> None:
        while True:
            await asyncio.sleep(GLANCE)
            tasks = asyncio.all_tasks() - before - {watch}
            if _stand(tasks, code_file):
                await asyncio.sleep(0)  # a waking that was on its way has come by now
                await asyncio.sleep(0)
                if asyncio.all_tasks() - before - {watch} == tasks and _stand(tasks, code_file):
                    give_way(tasks)

    watch = asyncio.ensure_future(look())
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.wait([watch])


def _stand(tasks: set[asyncio.Task[Any]], code_file: str) -> bool:
    return bool(tasks) and all(_stands(task, code_file) for task in tasks)


def _stands(task: asyncio.Task[Any], code_file: str) -> bool:
    inner: Any = task.get_coro()
    file = name = ""
    while code := getattr(inner, "cr_code", None):
        file, name = code.co_filename, code.co_name
        inner = inner.cr_await
    if inner is None:  # it is about to run
        return False
    return file == code_file or (file.startswith(ASYNCIO) and name != "sleep")
