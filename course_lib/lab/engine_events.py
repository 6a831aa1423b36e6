"""Hear what an engine does, for as long as a block lasts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncEngine


@contextmanager
def listening(engine: AsyncEngine | Engine, **listeners: Callable[..., Any]) -> Iterator[None]:
    """Call each listener at the event of its name, such as `before_cursor_execute`, until the block ends or raises.

    The events are those of https://docs.sqlalchemy.org/en/21/core/events.html
    """
    target = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
    for name, listener in listeners.items():
        event.listen(target, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            event.remove(target, name, listener)
