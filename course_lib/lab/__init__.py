"""Instruments and stages: they show what a database does, on anybody's engine and models, in any notebook or test.

Instruments:

sql            watch(engine): every statement that a block sends
plans          explain(connection, statement): how the rows will be found (plan_words says it in words); cost(): how
               much was read
interleave     transactions side by side, one step at a time; interleaving_shown is what came of it
anomalies      what each isolation level lets happen and what it keeps out, each with its proof: stands on interleave
locks          which lock a statement takes on which table, what is done under it, whom it stops (PostgreSQL)
waits          who waits for whom, told by the database: what interleave stands on
stepping       a function without steps, stepped from statement to statement, for interleave
running_tests  real pytest on functions of a notebook, on both databases
faults         somebody is quicker, or the power goes, at a certain statement
engine_events  an engine's events, heard for as long as a block lasts
plots          figures with a caption, and alt text that carries the numbers
schema         the tables as a picture: boxes, and the lines between them
drawings       a picture in SVG for light pages and dark ones, which interleave, schema and the course map draw
tables         the form in which all of these show themselves, and markdown_note what they say beside it
forms          what a page draws as a form, so that a click writes the answer into the code
lesson         predict, expect, value_or_error, show_source; engines and servers for a lesson
unawaited      what an error holds and nobody awaited, freed at once
guesses        whether a guess says what happened, and explanations what a lesson tells then

Stages:

databases    a fresh database for a lesson or a test, or the lasting one of COURSE_DATABASE
postgres     a real PostgreSQL server in a folder of its own
standby      a primary and a hot standby: the line is cut, the one is killed, the other promoted
kit_root     where notebooks and migrations lie
processes    which processes are alive
open_files   files moved and deleted where another program may have them open
run_apart    a coroutine run to its end where an event loop is running already
people       eight people who write, the same on every database
posts        a million posts
upgrades     what migrations/env.py stands on: one upgrade at a time, one row of files
migrating    a migration tried on any database
serving      a web application behind a real server in a thread; serving_in_this_loop has it in this event loop

The patterns do not import this folder, and this folder imports nothing of the school. Importing a module has no effect.
"""
