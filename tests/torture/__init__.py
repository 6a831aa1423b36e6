"""What nobody wishes on a database, done to it for minutes, and what is lost counted: `make torture`.

A part is an async function; it gets its bounds, an empty folder and a source of chance, tries as long as its bounds
allow, and returns its figures. What must never happen is an AssertionError that says what it was:

    from torture.parts import Bounds, Figures, torture

    @torture("money", "transfers cancelled at any moment, on both databases")
    async def cancelled(bounds: Bounds, folder: Path, chance: Random) -> Figures:
        moved = 0
        for number in bounds:
            ...
            assert total == before, f"try {number}: {before - total} cents are gone"
        return {"transfers": moved, "cents lost": 0}

- The module of a part stands in `MODULES` of `torture/__main__.py`; `make torture PARTS=money` runs its parts alone.
- Figures are counted, never typed in: what was tried, how often the fault struck, what came of it. A part whose fault
  never struck has shown nothing, and says so by an assertion.
- `make torture` bounds each part by tries and by seconds (`SECONDS_EACH`); seconds only end the search between two
  tries and decide nothing else. The seed is printed: `--seed` repeats what chance chose, and not who came first.
- `make test` runs a small form of each part, with a few tries: `tests/test_torture_*.py`. What needs packages that the
  kit has not (hypothesis, schemathesis) imports them inside the part; its small form does the same thing without
  them."""
