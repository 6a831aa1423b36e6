"""A primary and a hot standby of it, both of this process alone: cut the line, kill the one, promote the other.

    with primary_and_standby() as pair:
        writer, reader = await pair.open()    # engines: the same rows, on the standby a moment later
        pair.cut()                            # nothing arrives at the standby any more …
        pair.primary.kill()
        pair.promote()                        # … and from here on it takes the writes

Each call waits until what it says is true, so that nothing depends on how fast the machine is.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.db import Base, create_engine
from course_lib.lab.people import add_people
from course_lib.lab.postgres import PostgresUnavailable, Server
from course_lib.lab.postgres.cluster import wait_for
from course_lib.lab.postgres.os_account import cache, make, server_account
from course_lib.lab.postgres.programs import last_line, run
from course_lib.lab.postgres.watcher import sign

COPY = "--checkpoint=fast --write-recovery-conf --create-slot --slot=standby --no-sync --no-manifest"
ASKS_AGAIN = "wal_retrieve_retry_interval = '100ms'\n"
"""A line that was mended is used at once, and not after five seconds."""


@contextmanager
def primary_and_standby() -> "Iterator[Pair]":
    """Two servers for one block, which may do to them what it likes. Raises PostgresUnavailable."""
    pair = Pair.own()
    try:
        yield pair
    finally:
        pair.remove()


@dataclass(frozen=True)
class Pair:
    """Two servers of this process: what is committed on `primary` arrives on `standby`, which only reads."""

    primary: Server
    standby: Server

    @classmethod
    def own(cls) -> Self:
        """A new pair (two seconds); `remove` deletes both folders, or else their watchers do.

        Raises PostgresUnavailable, also where there is no pg_basebackup.
        """
        primary = Server.own()
        try:
            return cls(primary, _standby_of(primary))
        except BaseException:
            primary.remove()
            raise

    async def open(self, database: str = "course", *, people: bool = True) -> tuple[AsyncEngine, AsyncEngine]:
        """Engines on the primary and on the standby: the course's tables, and its sample people, on both."""
        self.primary.create_database(database)
        writer, reader = (create_engine(each.url(database)) for each in (self.primary, self.standby))
        async with writer.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
            if people:
                await add_people(connection)
        self.catch_up()
        return writer, reader

    def catch_up(self) -> None:
        """Wait until the standby shows all that is committed on the primary."""
        end = self.primary.sql("SELECT pg_current_wal_flush_lsn()").strip()
        wait_for(lambda: self._standby_says(f"pg_last_wal_replay_lsn() >= '{end}'", "t"))

    def pause(self) -> None:
        """The standby goes on receiving, and shows nothing new, until `resume`."""
        self.standby.sql("SELECT pg_wal_replay_pause()")
        wait_for(lambda: self._standby_says("pg_get_wal_replay_pause_state()", "paused"))

    def resume(self) -> None:
        """The standby shows what it received, soon; `catch_up` waits for it."""
        self.standby.sql("SELECT pg_wal_replay_resume()")

    def cut(self) -> None:
        """Cut the line: what the primary writes from now on does not arrive, until `mend`."""
        _configure(self.standby, "primary_conninfo = ''")
        wait_for(lambda: not self.is_connected())

    def mend(self) -> None:
        """Connect the two again; the primary has kept what the standby missed."""
        _configure(self.standby, f"primary_conninfo = '{_line_to(self.primary)}'")
        wait_for(self.is_connected)

    def is_connected(self) -> bool:
        return self.primary.sql("SELECT count(*) FROM pg_stat_replication").strip() != "0"

    def wait_at_commit(self, *, yes: bool = True) -> None:
        """Whether a commit on the primary waits for the standby, for as much as `synchronous_commit` says."""
        _configure(self.primary, f"synchronous_standby_names = '{'*' if yes else ''}'")
        states = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        wait_for(lambda: not self.is_connected() or (self.primary.sql(states).strip() != "0") is yes)
        # The checkpointer tells all others whether to wait. It reads the settings anew before it does what it is asked.
        self.primary.sql("CHECKPOINT")

    def promote(self) -> None:
        """The standby takes writes from now on, and follows nobody; the primary is not told."""
        self.standby.sql("SELECT pg_promote()")
        wait_for(lambda: self._standby_says("pg_is_in_recovery()", "f"))

    def remove(self) -> None:
        """Stop both servers and delete their folders with every row."""
        self.standby.remove()
        self.primary.remove()

    def _standby_says(self, expression: str, wanted: str) -> bool:
        return self.standby.sql(f"SELECT {expression}").strip() == wanted


def _configure(server: Server, setting: str) -> None:
    server.sql(f"ALTER SYSTEM SET {setting}")
    server.sql("SELECT pg_reload_conf()")


def _line_to(primary: Server) -> str:
    place = f"host=127.0.0.1 port={primary.read('port')} user=postgres password={primary.read('password')}"
    return f"{place} sslmode=disable"


def _standby_of(primary: Server) -> Server:
    """A copy of the primary's rows, taken while it runs, and a server on them that follows it."""
    standby = Server(cache() / f"private-{secrets.token_hex(4)}", private=True)
    try:
        make(standby.folder)
        # Else whoever looks for left folders would delete this one.
        sign(standby.folder, "user", os.getpid()).touch()
        standby.rows.mkdir(mode=0o700)
        if account := server_account():
            os.chown(standby.rows, account["user"], account["group"])
        (standby.folder / "password").touch(mode=0o600)
        (standby.folder / "password").write_text(primary.read("password"))
        _copy(primary, standby)
        return standby.start()
    except OSError as error:
        standby.remove()
        raise PostgresUnavailable(f"PostgreSQL made no standby: {error}") from error
    except BaseException:
        standby.remove()
        raise


def _copy(primary: Server, standby: Server) -> None:
    secret = {"PGPASSWORD": primary.read("password"), "PGSSLMODE": "disable"}
    place = ["--host=127.0.0.1", f"--port={primary.read('port')}", "--username=postgres"]
    words = ["pg_basebackup", *COPY.split(), *place, f"--pgdata={standby.rows}"]
    finished = run(words, server_account(), environment=secret)
    if finished.returncode != 0:
        raise PostgresUnavailable(f"PostgreSQL made no standby: {last_line(finished.stdout)}")
    with (standby.rows / "postgresql.auto.conf").open("a") as settings:
        settings.write(ASKS_AGAIN)
