"""What SQLite and PostgreSQL say about a plan, told in the same words."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

SCAN, WALK, SEARCH, SORT = "scan", "walk", "search", "sort"
PRIMARY_KEY = "primary key"  # SQLite's has no name: the table itself is stored in its order

ACCESS = re.compile(
    r"(?P<verb>SCAN|SEARCH) (?P<table>\S+)"
    r"(?: USING (?:(?P<passing>AUTOMATIC )?(?:PARTIAL )?(?P<alone>COVERING )?INDEX(?: (?P<index>[^( ]\S*))?"
    r"|(?P<key>INTEGER PRIMARY KEY)))?(?: \(.*\))?(?: LEFT-JOIN)?(?: EXISTS)?"
)
ALIAS = re.compile(r'(?:FROM|JOIN|,)\s+"?(\w+)"? AS "?(\w+)"?')
SUBQUERY = re.compile(r"(?:CO-ROUTINE|MATERIALIZE) (\S+)")

BITMAPS = ("Bitmap Index Scan", "BitmapAnd", "BitmapOr")
"""No steps of their own: they find for the Bitmap Heap Scan above them where its rows are."""

POSTGRES = {
    "Limit": "stops when it has enough rows",
    "Nested Loop": "for each row of the first, looks into the second",
    "Hash Join": "joins by looking up each row in a hash table",
    "Merge Join": "joins two inputs that are sorted alike",
    "Hash": "makes a hash table",
    "Materialize": "keeps the rows to read them again",
    "Memoize": "remembers the answers for the next time",
    "Gather": "collects what parallel workers found",
    "Gather Merge": "collects what parallel workers sorted",
    "LockRows": "locks the rows",
    "Result": "makes a row",
    "Insert": "inserts into",
    "Update": "updates",
    "Delete": "deletes from",
}


@dataclass(frozen=True)
class Step:
    """One step of a plan, and the `inner` steps that feed it.

    `kind` is 'scan' (the whole table), 'walk' (all of an index, in its order), 'search' (the part of an index that
    fits), 'sort' or ''. `said` holds the database's own words.
    """

    words: str
    kind: str = ""
    table: str = ""
    index: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)
    inner: tuple["Step", ...] = ()

    def every(self, depth: int = 0) -> Iterator[tuple[int, "Step"]]:
        """This step and all below it, each with its depth."""
        yield depth, self
        for step in self.inner:
            yield from step.every(depth + 1)


def _access(kind: str, table: str, index: str = "", *, alone: bool = False) -> Step:
    words = {
        SCAN: f"scans all of {table}",
        WALK: f"reads all of {index}" if alone else f"reads all of {table} in the order of {index}",
        SEARCH: f"searches {table} with {'its ' * (index == PRIMARY_KEY)}{index}",
    }
    return Step(words[kind] + " alone (covering)" * alone, kind, table, index)


def from_sqlite(rows: Sequence[Any], text: str) -> tuple[Step, ...]:
    """Steps out of the answer to EXPLAIN QUERY PLAN; `text` is the statement, which knows what its aliases mean."""
    tables = {alias: table for table, alias in ALIAS.findall(text)}
    tables |= {name: "" for row in rows for name in SUBQUERY.findall(row.detail)}

    def below(parent: int) -> tuple[Step, ...]:
        return tuple(
            replace(_sqlite_step(row.detail, tables), said={"detail": row.detail}, inner=below(row.id))
            for row in rows
            if row.parent == parent
        )

    return below(0)


def _sqlite_step(detail: str, tables: Mapping[str, str]) -> Step:
    if sort := re.fullmatch(r"USE TEMP B-TREE FOR (.+)", detail):
        return Step(f"sorts for {sort[1]}", SORT)
    if subquery := SUBQUERY.fullmatch(detail):
        return Step(f"makes the subquery {subquery[1]}")
    access = ACCESS.fullmatch(detail)
    if access is None:
        return Step(detail.lower())
    table = tables.get(access["table"], access["table"])
    if not table or table.startswith("("):
        return Step(f"reads the subquery {access['table']}")
    index = access["index"] or (access["passing"] and "an index made for this once") or ""
    index = PRIMARY_KEY if access["key"] else index
    kind = SEARCH if access["verb"] == "SEARCH" else WALK if index else SCAN
    return _access(kind, table, index, alone=bool(access["alone"]))


def from_postgres(node: Mapping[str, Any]) -> Step:
    """A step and all below it, out of the answer to EXPLAIN (FORMAT JSON)."""
    parts = node.get("Plans", [])
    bitmaps = [part for part in parts if part["Node Type"] in BITMAPS]
    step = _postgres_access(node, bitmaps) or Step(_postgres_words(node), SORT if "Sort Key" in node else "")
    return replace(
        step,
        words=step.words + _counted(node),
        said={name: value for name, value in node.items() if name != "Plans"},
        inner=tuple(from_postgres(part) for part in parts if part not in bitmaps),
    )


def _postgres_access(node: Mapping[str, Any], bitmaps: Sequence[Mapping[str, Any]]) -> Step | None:
    table, node_type = node.get("Relation Name", ""), node["Node Type"]
    if node_type == "Seq Scan":
        return _access(SCAN, table)
    if node_type == "Bitmap Heap Scan":
        return _access(SEARCH, table, ", ".join(_indexes(bitmaps)))
    if node_type in ("Index Scan", "Index Only Scan"):
        kind = SEARCH if "Index Cond" in node else WALK
        return _access(kind, table, node["Index Name"], alone=node_type == "Index Only Scan")
    return None


def _indexes(nodes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for node in nodes:
        yield from [node["Index Name"]] if "Index Name" in node else _indexes(node["Plans"])


def _postgres_words(node: Mapping[str, Any]) -> str:
    node_type: str = node["Node Type"]
    if "Sort Key" in node and node_type != "Gather Merge":
        return f"sorts by {', '.join(node['Sort Key'])}"
    if node_type == "Aggregate":
        return (
            f"groups by {', '.join(node['Group Key'])}" if "Group Key" in node else "makes one row out of all"
        )
    if node_type == "ModifyTable":
        return f"{POSTGRES.get(node['Operation'], node['Operation'])} {node['Relation Name']}"
    return POSTGRES.get(node_type, node_type.lower())


def _counted(node: Mapping[str, Any]) -> str:
    """After ANALYZE: the rows that a step gave, and those it read for nothing, over all its loops."""
    if "Actual Rows" not in node or node["Node Type"] == "ModifyTable":
        return ""
    loops = node["Actual Loops"]
    rows, dropped = round(node["Actual Rows"] * loops), round(node.get("Rows Removed by Filter", 0) * loops)
    told = f"{rows:,} row{'s' * (rows != 1)}"
    return f" ({told}; {dropped:,} read in vain)" if dropped else f" ({told})"
