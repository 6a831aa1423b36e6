"""PostgreSQL is asked with pg_blocking_pids, from a connection that only looks on."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from course_lib.lab.waits.lanes import OUTSIDER, Database, Lane


class Postgres(Database):
    may_choose = False

    async def prepare(self) -> None:
        self.may_choose = await self.driver.fetchval("SELECT current_setting('is_superuser') = 'on'")

    def execute(self, lane: Lane, connection: Any, run: Callable[[], None]) -> None:
        pid = connection.driver_connection.get_server_pid()
        for other in self.lanes:
            if other.pid == pid:
                other.pid = 0  # behind its commit, the pool gave the connection to this one
        lane.pid = pid
        if self.may_choose:
            # The fewer can still come to wait, the sooner one looks for a circle: who closes it looks first.
            free = sum(not other.waits_for and not other.state for other in self.lanes if other is not lane)
            cursor = connection.cursor()
            cursor.execute(f"SET LOCAL deadlock_timeout = {min(20 * 50**free, 5000)}")  # milliseconds
            cursor.close()
        run()

    async def settle(self, current: Lane) -> list[Lane]:
        before = {lane: lane.waits_for for lane in self.lanes}
        loop = asyncio.get_running_loop()
        began = loop.time()
        while moving := [lane for lane in self.lanes if lane.moves]:
            blockers = await self.blockers(moving)
            if loop.time() < began + self.patience:  # a foreign lock may be gone in a moment
                blockers = {
                    lane: by for lane, by in blockers.items() if OUTSIDER not in by - {*lane.waits_for}
                }
            if all(lane.moves for lane in moving) and _stand_still(moving, blockers):
                break
            if loop.time() > began + self.longest_step:
                for lane in {*moving} - blockers.keys():
                    await lane.give_up()
                began = loop.time()  # whoever waited for it has as long again
            tasks = [lane.task for lane in moving if lane.task]
            await asyncio.wait(tasks, timeout=0.005, return_when=asyncio.FIRST_COMPLETED)
        for lane in moving:
            lane.wait_for(blockers[lane])
        return [lane for lane in self.waiting() if not lane.moves or lane.waits_for != before[lane]]

    async def blockers(self, lanes: Sequence[Lane]) -> dict[Lane, set[str]]:
        pids = [lane.pid for lane in lanes]
        rows = await self.driver.fetch("SELECT pg_blocking_pids(pid) FROM unnest($1::int[]) AS pid", pids)
        names = {lane.pid: lane.name for lane in self.lanes}
        found = [{names.get(pid, OUTSIDER) for pid in pids} for (pids,) in rows]
        return {lane: by for lane, by in zip(lanes, found, strict=True) if by}


def _stand_still(moving: Sequence[Lane], blockers: dict[Lane, set[str]]) -> bool:
    """Whether each waits, in the end, for one that has no step to do. A circle does not stand: it will be broken."""
    left = {lane.name: blockers.get(lane, {lane.name}) for lane in moving}
    while standing := [name for name, by in left.items() if not by & left.keys()]:
        for name in standing:
            del left[name]
    return not left
