"""The embedded server, its watcher and its users killed in every combination, and users that come at once.

Everything happens in caches of the parts' own (COURSE_CACHE): nobody else's server is in them."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import permutations, product
from pathlib import Path
from random import Random
from typing import Any

import filelock
import psutil
from processes import wait_for

from course_lib.lab.postgres import Server, watcher
from course_lib.lab.processes import lives
from torture import server_user
from torture.parts import Bounds, Figures, torture

LANES = 6
"""Caches in which things happen at the same time: most of a try is the two seconds after which a watcher acts."""

WHOM = ("server", "watcher", "user")
HOW = ("all of it", "its first process", "another of its processes")
"""What of the server is killed."""

ORDERS = [order for length in (3, 2, 1) for order in permutations(WHOM, length)]
KILLED = [(order, how) for order, how in product(ORDERS, HOW) if "server" in order or how == HOW[0]]
"""Who is killed in which order, and what of the server if it is among them."""

NOTHING, ENDING = "no server runs", "the watcher is ending the server"
BEFORE = (ENDING, "server and watcher", NOTHING, "server", "watcher", "somebody is there")
"""What has happened, or who was killed, when several users come at once."""

AT_ONCE = 3


class User:
    """A process that can come to the server of a cache; a row of its own says that it was there."""

    def __init__(self, cache: Path) -> None:
        program = [sys.executable, "-P", server_user.__file__]
        environment = os.environ | {"COURSE_CACHE": str(cache)}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(program, env=environment, stdin=pipe, stdout=pipe, text=True)

    def ready(self) -> bool:
        """It has imported what it needs, and waits for a word."""
        assert self.process.stdout
        return self.process.stdout.readline() == "ready\n"

    def come(self, row: int) -> None:
        assert self.process.stdin
        print(row, file=self.process.stdin, flush=True)

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout
        told: dict[str, Any] = json.loads(self.process.stdout.readline() or '{"error": "it has ended"}')
        assert "error" not in told, f"a user did not get a server: {told['error']}"
        return told

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def end(self) -> None:
        """In good order; the server's folder is not told of it."""
        self.process.communicate()


class Stage:
    """One cache, its server, and the rows that were committed there."""

    def __init__(self, cache: Path) -> None:
        self.cache, self.rows = cache, set[int]()
        self.called: list[User] = []
        self.users: list[User] = []
        """Those of the called that have come."""
        self.server: Server | None = None

    def call(self, number: int) -> list[User]:
        """So many users who are ready."""
        new = [User(self.cache) for _ in range(number)]
        self.called += new
        assert all(user.ready() for user in new)
        return new

    def come(self, new: list[User]) -> None:
        """They come at once, and all find every row that was committed before, on one server with one watcher."""
        self.users += new
        rows = [len(self.rows) + each for each in range(len(new))]
        for user, row in zip(new, rows, strict=True):
            user.come(row)
        told = [user.answer() for user in new]
        for found in (set(each["found"]) for each in told):
            assert self.rows <= found <= self.rows | set(rows), f"rows are gone: {self.rows - found}"
        self.rows.update(rows)
        self.server = Server(Path(told[0]["folder"]))
        assert {each["pid"] for each in told} == {self.server.pid}, (
            f"not one server: {told}, {self.server.pid}"
        )
        # One that has just ended its server may not have gone yet.
        wait_for(lambda: len(self.watchers()) == 1)

    def there(self) -> list[psutil.Process]:
        """The processes of the server, and its watcher."""
        assert self.server
        folder = self.server.folder
        return [process for process in psutil.process_iter() if _belongs(process, folder)]

    def watchers(self) -> list[psutil.Process]:
        return [process for process in self.there() if _is_watcher(process)]

    def kill(self, whom: str, how: str, chance: Random) -> list[psutil.Process]:
        """SIGKILL to the server or to the watcher, or to each of the users; who got it."""
        if whom == "user":
            killed = [psutil.Process(user.process.pid) for user in self.users]
        elif whom == "watcher":
            killed = self.watchers()
        else:
            assert self.server
            first = psutil.Process(self.server.pid)
            others = first.children()
            killed = {HOW[0]: [first, *others], HOW[1]: [first], HOW[2]: [chance.choice(others)]}[how]
        for process in killed:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        return killed

    def all_leave(self, chance: Random) -> None:
        """Each of the users ends or is killed. Then nothing may stay but the rows."""
        here = self.there()
        for user in self.users:
            chance.choice((user.kill, user.end))()
        self.users.clear()
        self.called.clear()
        wait_for(partial(_are_gone, here))
        assert not (stayed := self.there()), f"nobody uses the server, and there is still {stayed}"

    def remove(self) -> None:
        """Nothing of it stays, also where something went wrong."""
        for user in self.called:
            user.kill()
        if self.server:
            for process in self.there():
                with suppress(psutil.Error):
                    process.kill()
            shutil.rmtree(self.server.folder.parent, ignore_errors=True)


def _belongs(process: psutil.Process, folder: Path) -> bool:
    with suppress(psutil.Error):
        words = process.cwd(), *process.cmdline()
        return lives(process) and any(Path(word).is_relative_to(folder) for word in words)
    return False


def _are_gone(processes: list[psutil.Process]) -> bool:
    return not any(map(lives, processes))


def _is_watcher(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return watcher.__file__ in process.cmdline()
    return False


async def _in_lanes(bounds: Bounds, folder: Path, act: Callable[[Stage, int], None]) -> None:
    """Each try in the next cache that is free."""
    tries, one_at_a_time = iter(bounds), threading.Lock()

    def following() -> int | None:
        with one_at_a_time:
            return next(tries, None)

    def lane(cache: Path) -> None:
        folder.chmod(0o711)  # as root the server runs as somebody else, who has to get there
        stage = Stage(cache)
        try:
            while (number := following()) is not None:
                act(stage, number)
        finally:
            stage.remove()

    lanes = min(LANES, bounds.tries)
    await asyncio.gather(*(asyncio.to_thread(lane, folder / f"cache{number}") for number in range(lanes)))


@torture("servers", "the server, its watcher and its user killed in every combination and order")
async def killed(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    struck: Counter[str] = Counter()
    tried: Counter[tuple[tuple[str, ...], str]] = Counter()

    def one_combination(stage: Stage, number: int) -> None:
        order, how = KILLED[number % len(KILLED)]
        stage.come(stage.call(1))
        following = stage.call(1)
        in_turn = chance.random() < 0.5
        for whom in order:
            gone = stage.kill(whom, how, chance)
            assert gone, f"there was no {whom} to kill"
            struck[f"server, {how}" if whom == "server" else whom] += 1
            # A watcher that was killed a moment ago, and has not died yet, would count as one that is there.
            if in_turn or whom == "watcher":
                wait_for(partial(_are_gone, gone))
        stage.come(following)
        stage.all_leave(chance)
        tried[order, how] += 1

    await _in_lanes(bounds, folder, one_combination)
    assert struck, "nobody was killed"
    return {
        "combinations and orders": f"{len(tried)} of {len(KILLED)}",
        **{f"killed: {whom}": times for whom, times in sorted(struck.items())},
        "times that the next user found all rows, and nothing else stayed": tried.total(),
    }


@torture(
    "servers", f"{AT_ONCE} users come at once, whatever was before, and while the watcher ends the server"
)
async def at_once(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    met: Counter[str] = Counter()

    def one_crowd(stage: Stage, number: int) -> None:
        before = BEFORE[number % len(BEFORE)]
        if before != NOTHING:
            stage.come(stage.call(1))
        crowd, old = stage.call(AT_ONCE), stage.server and stage.server.pid
        if before == ENDING:
            stage.users.pop(0).kill()
            _wait_until_the_watcher_has_the_lock(stage)
        for whom in before.split(" and "):
            if whom in WHOM:
                wait_for(partial(_are_gone, stage.kill(whom, HOW[0], chance)))
        stage.come(crowd)
        met[f"before: {before}"] += 1
        met["a new server"] += stage.server is not None and stage.server.pid != old
        stage.all_leave(chance)

    await _in_lanes(bounds, folder, one_crowd)
    assert met[f"before: {ENDING}"], "no user came while the watcher was ending the server"
    return {**dict(sorted(met.items()))}


def _wait_until_the_watcher_has_the_lock(stage: Stage) -> None:
    assert stage.server
    lock = filelock.FileLock(stage.server.folder / "lock", timeout=0)
    with suppress(filelock.Timeout):
        while stage.server.is_running():
            with lock:
                pass
            time.sleep(0.005)
