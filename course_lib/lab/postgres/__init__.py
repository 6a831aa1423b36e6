"""A real PostgreSQL server in a folder of its own, which starts on first use and ends with its last user.

    server = shared()                  # the server of the kit, started or joined
    url = server.create_database()     # a fresh database that lasts as long as this process
    server.kill()                      # as if the power had failed …
    server.start()                     # … and back: same port, same password, every committed row

No process owns the server: it ends when none of its users is alive, so also when they were killed.

unavailable  that it cannot run here, and why
os_account   whom it runs as, and in which folders
programs     initdb, pg_ctl and psql out of the wheel
cluster      the folder of its rows: made, started, asked and halted
watcher      who uses it, and the process that ends it
server       what everybody else uses
"""

from course_lib.lab.postgres.programs import VERSION
from course_lib.lab.postgres.server import Server, own_server, shared
from course_lib.lab.postgres.unavailable import PostgresUnavailable

__all__ = ["VERSION", "PostgresUnavailable", "Server", "own_server", "shared"]
