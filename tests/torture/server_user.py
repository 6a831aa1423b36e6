"""A user of the embedded server in a process of its own: at a word it comes, and adds a row.

It is "ready", reads the number of its row, and answers with a line of JSON that says which rows it found; then it stays
until its input ends, or it is killed."""

import json
import sys

from course_lib.lab.postgres import PostgresUnavailable, shared


def come(row: int) -> dict[str, object]:
    try:
        server = shared()
        # Two who see at once that there is no table would both make it.
        alone = "SELECT pg_advisory_xact_lock(1)"
        server.sql(f"{alone}; CREATE TABLE IF NOT EXISTS kept (row_number int PRIMARY KEY)")
        found = [int(line) for line in server.sql("SELECT row_number FROM kept ORDER BY 1").split()]
        server.sql(f"INSERT INTO kept VALUES ({row})")
    except PostgresUnavailable as error:
        return {"error": str(error)}
    return {"pid": server.pid, "found": found, "folder": str(server.folder)}


if __name__ == "__main__":
    print("ready", flush=True)  # noqa: T201
    for line in sys.stdin:
        print(json.dumps(come(int(line))), flush=True)  # noqa: T201
