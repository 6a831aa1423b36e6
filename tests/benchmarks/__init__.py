"""What the patterns cost, measured side by side: `make bench`. It decides nothing, and is no part of `make test`.

A case is an async generator. It sets up, yields the ways to do one thing, and clears up when it is continued:

    from benchmarks.cases import Place, Way, Ways, case

    @case("repository", "exists")                      # group and operation; on both databases
    async def exists(place: Place) -> AsyncIterator[Ways]:
        statement = select(User).where(User.id == 3)

        async def ours(session: AsyncSession) -> None:
            await UserRepository(session).exists(statement)

        async def by_hand(session: AsyncSession) -> None:
            await session.scalar(select(sql_exists(statement)))

        yield Ways({"course_lib": Way(ours, place.session), "by hand": Way(by_hand, place.session)})

- The module of a case stands in `PARTS` of `benchmarks/__main__.py`; `make bench PARTS=repository` runs it alone.
- `case(group, operation, databases=(…), rows=N)`: the databases are "sqlite" (a file in WAL), "postgres", or "none"
  for what needs no database (the `place` then has no engine). With `rows` the place has so many posts, and is shared:
  such a case writes nothing. Without, it has the eight sample people, and belongs to the case.
- `Way(run, around)`: one call of `run` is what is timed. It may be a coroutine function or a plain one. `around(calls)`
  is an async context manager, not timed, that gives the arguments of each call (tuples); `place.session` gives one
  session in a transaction to all calls. Without `around`, `run` takes nothing.
- `Ways(ways, base="by hand", operations=1)`: all figures are for one operation; `operations` says how many a call of
  `run` does. Ratios are to the way called `base`, round by round. A way that takes seconds gets `Ways(…, rounds=3)`.
  `facts`: what the case wants in the result beside times ({"cents lost": 0}), written before or after the yield.
- `drivers.straight(place, statement)` is the way of the driver alone, with the same SQL: the limit for all others.
- What cannot be measured: `raise NotMeasured("reason")`, or `ways.missing["SQLModel"] = "reason"`. A case that fails is
  told with its traceback, and the others go on.
- An aim is a line in `benchmarks/aims.py`: group, operation, database, way, base, what is compared, at most.

Each round runs every way of a case once, in an order drawn anew, after a warm-up that also finds how many calls make a
sample of `SAMPLE` seconds; a case that takes long has fewer rounds. Wall time and CPU time (of this process and of the
children it has waited for; not of the PostgreSQL server) are medians over the rounds with the lower and upper quartile.
Statements and work (steps of SQLite's virtual machine, blocks of 8 kB read by PostgreSQL) are counted in one more call,
which is not timed.

The JSON and its fields are described in `benchmarks/results.py`; `make costs` (`benchmarks/page.py`) puts a whole run
onto the page `notebooks/costs.ipynb`."""
