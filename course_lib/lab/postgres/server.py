"""The server that everybody uses: started on first use or joined, killed at will, left in the end."""

import functools
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Self

from course_lib.lab.postgres.cluster import Cluster, wait_for
from course_lib.lab.postgres.os_account import cache, make
from course_lib.lab.postgres.programs import VERSION
from course_lib.lab.postgres.unavailable import PostgresUnavailable
from course_lib.lab.postgres.watcher import begin_watcher, sign
from course_lib.lab.processes import identity, is_alive

if TYPE_CHECKING:
    import sqlalchemy


DROPPED_AT_ONCE = 4
"""Databases that ended programs have left. More would keep others waiting for the lock: the next caller goes on."""


def shared() -> "Server":
    """The server of the kit, one for all processes of a user: started on first use, joined if it runs."""
    _adopt_orphans()
    return Server(cache() / f"postgres-{VERSION}").start()


@contextmanager
def own_server() -> "Iterator[Server]":
    """A server for one block, which may do to it what it likes."""
    server = Server.own()
    try:
        yield server
    finally:
        server.remove()


@dataclass(frozen=True)
class Server(Cluster):
    """The PostgreSQL server that keeps its rows, port and password in `folder`; to name it starts nothing."""

    private: bool = False

    @classmethod
    def own(cls) -> Self:
        """A new server for this process (half a second); `remove` deletes its folder, or else its watcher does."""
        _adopt_orphans()
        return cls(cache() / f"private-{secrets.token_hex(4)}", private=True).start()

    def url(self, database: str = "postgres") -> "sqlalchemy.URL":
        """The address of a database, with the password in it; it stays the same while the server is down."""
        from sqlalchemy import make_url

        place = f"{self.read('password')}@127.0.0.1:{self.read('port')}/{database}"
        # Said outright: else PGSSLMODE or PGTARGETSESSIONATTRS, meant for another server, would be obeyed.
        return make_url(f"postgresql+asyncpg://postgres:{place}?ssl=disable&target_session_attrs=any")

    def start(self) -> Self:
        """Start the server, or join it if it runs, and count this process among its users."""
        try:
            make(self.folder)
            with self.locked():
                sign(self.folder, "user", os.getpid()).touch()
                begin_watcher(self.folder, private=self.private)
                wait_for(lambda: self.is_ready() or not self.is_running())
                if not self.is_running():
                    self.launch()
        except OSError as error:
            hint = "Set COURSE_CACHE to a folder on this machine's own disk that you may write to."
            raise PostgresUnavailable(f"PostgreSQL cannot use {self.folder}: {error}. {hint}") from error
        return self

    def stop(self) -> None:
        """Shut the server down in good order, cutting its connections; its rows stay."""
        with self.locked():
            self.halt()

    def restart(self) -> Self:
        self.stop()
        return self.start()

    def kill(self) -> None:
        """End all processes of the server at once, as a power cut would; returns when they are gone."""
        with self.locked():
            self.kill_all()

    def leave(self) -> None:
        """This process needs the server no more; left by all, it stops after two seconds."""
        sign(self.folder, "user", os.getpid()).unlink(missing_ok=True)

    def remove(self) -> None:
        """Stop the server and delete its folder with every row."""
        if self.folder.exists():
            self.stop()
            # Whoever takes it for an orphan while it goes gives it a watcher, and so a file again.
            with suppress(PostgresUnavailable):
                wait_for(self._is_deleted, seconds=5)

    def _is_deleted(self) -> bool:
        shutil.rmtree(self.folder, ignore_errors=True)
        return not self.folder.exists()

    def create_database(self, name: str | None = None, *, template: str | None = None) -> "sqlalchemy.URL":
        """The lasting database `name`, made if missing; without a name, a fresh one for this process.

        It begins as a copy of the database `template`, to which nobody is connected.
        """
        fresh = _checked(name or f"tmp_{identity(os.getpid())}_{secrets.token_hex(3)}")
        # Files are copied in half the time that a write-ahead log of all their pages takes.
        create = (
            f'CREATE DATABASE "{fresh}" TEMPLATE "{_checked(template or "template1")}" STRATEGY FILE_COPY'
        )
        with self.locked():
            present = self.sql("SELECT datname FROM pg_database", *() if name else (create,)).split()
            for database in islice(_abandoned(present), DROPPED_AT_ONCE):
                self.drop_database(database)
            if name and name not in present:
                self.sql(create)
        return self.url(fresh)

    def drop_database(self, name: str) -> None:
        """Drop the database `name` if it is there, cutting its connections."""
        self.sql(f'DROP DATABASE IF EXISTS "{_checked(name)}" WITH (FORCE)')


def _adopt_orphans() -> None:
    """Give private servers a watcher if theirs was killed; it deletes those whose process is gone too."""
    for folder in cache().glob("private-*"):
        with suppress(OSError):  # deleted at this moment
            begin_watcher(folder, private=True)


def _abandoned(databases: Iterable[str]) -> Iterator[str]:
    """Those of processes that have ended."""
    ended = functools.cache(lambda process: not is_alive(process))  # one process may have many databases
    for database in databases:
        match = re.fullmatch(r"tmp_(\d+_\d+)_[0-9a-f]+", database)
        if match and ended(match[1]):
            yield database


def _checked(name: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name):
        raise ValueError(f"a database name is 1 to 63 of a-z, 0-9 and _, no digit first; got {name!r}")
    return name
