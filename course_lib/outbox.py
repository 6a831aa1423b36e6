"""What the outside is to hear of a change: a row in the same commit, sent afterwards,
at least once."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.db import utc_now
from course_lib.models import OutboxMessage
from course_lib.transactions import unit_of_work

log = logging.getLogger(__name__)


async def add_message(session: AsyncSession, payload: dict[str, Any]) -> OutboxMessage:
    """Write down what is to be told, as JSON: it is sent if the transaction commits,
    and never if it does not. One statement."""
    session.add(message := OutboxMessage(payload=payload))
    await session.flush()
    return message


async def send_messages(
    sessions: Callable[..., AsyncSession],
    send: Callable[[OutboxMessage], Awaitable[None]],
    *,
    limit: int = 10,
) -> int:
    """Send up to `limit` waiting messages, mark them in one commit; how many were sent.

    Call it from as many workers as you like: each takes what no other holds. A worker
    that dies after `send` and before the commit leaves its messages unmarked, and they
    are sent again: the receiver drops a `key` that it knows. A message whose `send`
    raises waits behind the others, its attempts counted; so no order is promised.

    One transaction is open while `send` runs: give `send` a time limit, and a worker no
    connection that requests wait for. On SQLite nobody else writes meanwhile. Source:
    Chris Richardson, "Pattern: Transactional outbox", microservices.io."""
    waiting = (
        select(OutboxMessage)
        .where(OutboxMessage.sent_at.is_(None))
        .order_by(OutboxMessage.attempts, OutboxMessage.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    sent = 0
    async with unit_of_work(sessions) as session:
        for message in await session.scalars(waiting):
            message.attempts += 1
            try:
                await send(message)
            except Exception:
                log.warning("message %s was not sent", message.key, exc_info=True)
            else:
                message.sent_at = utc_now()
                sent += 1
    return sent
