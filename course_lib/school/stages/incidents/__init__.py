"""A shop on a server of its own, broken in one of several ways: what an exercise of the kind *incident* is about.

causes       the ways, by the words that name them
people       sessions on the server: who waits, who works, who has nothing to do with it
shop         tables with rows, whose names differ from run to run
scene        one shop, and everybody who is there
holding      a writer who is never stopped, unless somebody locks the table
waiting      one who forgot a transaction, and those who wait
at_work      a statement without end, and connections that nobody gives back
in_tables    what is wrong with a table: its index, its statistics, its sequence
breaking     breaks a shop, and looks at it again
practice     a broken shop to look around in

A way begins with `begins`, and `trouble` says what is still wrong. Nobody is judged by a clock: who waits is seen with
pg_blocking_pids.
"""
