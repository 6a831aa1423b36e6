"""`make torture PARTS=money` in small: each part with a few tries; and the audit tells of what it looks for."""

from pathlib import Path
from random import Random

import pytest
from processes import only_posix
from torture import money
from torture.bank import Bank, Payment
from torture.parts import Bounds

from course_lib.lab.databases import fresh_url

on_a_server = pytest.mark.usefixtures("server")
few = pytest.mark.usefixtures("fewer_payments")


@pytest.fixture
def fewer_payments(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {
        "PAYERS": 4,
        "PAYMENTS": 6,
        "CUTS": 8,
        "KILLS": 1,
        "OVER_THE_LINE": 16,
        "WRITERS": 2,
        "RESTARTED": 1,
    }
    for name, number in small.items():
        monkeypatch.setattr(money, name, number)


@on_a_server
async def test_half_of_32_tasks_cancelled_at_any_moment_lose_no_cent(tmp_path: Path) -> None:
    figures = await money.cancelled(Bounds(2), tmp_path, Random(1))
    assert figures[money.AUDITED] == 2


@on_a_server
@few
async def test_connections_cut_in_the_middle_lose_no_cent(tmp_path: Path) -> None:
    figures = await money.cut(Bounds(1), tmp_path, Random(1))
    assert figures[money.AUDITED] == 1


@few
async def test_a_killed_server_loses_no_cent(tmp_path: Path) -> None:
    figures = await money.server_killed(Bounds(1), tmp_path, Random(1))
    assert (figures["servers killed"], figures[money.AUDITED]) == (1, 1)


@only_posix
async def test_what_a_writer_had_begun_when_it_died_is_done_once(tmp_path: Path) -> None:
    figures = await money.writer_killed(Bounds(6), tmp_path, Random(1))
    assert figures["writers killed, by step"] == "BEGIN 1, SELECT 1, INSERT 1, UPDATE 1, COMMIT 1, answer 1"


@only_posix
@few
async def test_killed_processes_on_one_file_lose_no_cent(tmp_path: Path) -> None:
    figures = await money.writers_killed(Bounds(1), tmp_path, Random(1))
    assert (figures["writers killed"], figures[money.AUDITED]) == (3, 1)


@on_a_server
@few
async def test_a_lost_reply_moves_the_money_again_unless_there_is_a_key(tmp_path: Path) -> None:
    figures = await money.reply_lost(Bounds(1), tmp_path, Random(1))
    assert figures["with a key: moved once more"] == 0
    assert figures["without one: moved once more"] == figures["without one: replies lost"]


PAID = "INSERT INTO transfers (from_account_id, to_account_id, amount, idempotency_key) VALUES (1, 2, 5, 'again')"
MOVED = "UPDATE accounts SET balance = balance + CASE id WHEN 1 THEN -5 ELSE 5 END WHERE id IN (1, 2)"
MOVED_BACK = MOVED.replace("-5 ELSE 5", "5 ELSE -5")


@pytest.mark.parametrize(
    ("done", "told"),
    [
        (["UPDATE accounts SET balance = balance - 1 WHERE id = 1"], "1 cents are gone"),
        ([MOVED], "the ledger tells"),
        ([PAID], "the ledger tells"),
        ([PAID, MOVED], "not asked for"),
        (["UPDATE transfers SET idempotency_key = 'another'"], "not asked for"),
        (["UPDATE transfers SET id = id + 1"], "answered as done, and not there"),
        (["DELETE FROM transfers", MOVED_BACK], "answered as done, and not there"),
    ],
)
async def test_an_audit_tells_what_is_wrong(done: list[str], told: str) -> None:
    bank = await Bank.opened(fresh_url("sqlite"))
    await bank.pay(Payment(1, 2, 5, "key"))
    await bank.audit()
    async with bank.engine.begin() as connection:
        for statement in done:
            await connection.exec_driver_sql(statement)
    with pytest.raises(AssertionError, match=told):
        await bank.audit()
    await bank.engine.dispose()
