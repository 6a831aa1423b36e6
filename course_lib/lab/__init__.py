"""The instruments of the lessons: they show what a database does, and work on an engine of your own too.

sql          watch(engine): every statement that a block sends
plans        explain(connection, statement): how the rows will be found (plan_words says it in words)
interleave   transactions side by side, one step at a time (waits asks the database who waits for whom)
plots        figures with a caption, and alt text that carries the numbers
schema       the tables as a picture
tables       the form in which all of these show themselves
lesson       predict, expect, show_source; engines and servers for a lesson
databases    a fresh database for a lesson or a test, or the lasting one of COURSE_DATABASE
postgres     a real PostgreSQL server in a folder of its own
people       eight people who write, the same on every database
posts        a million posts
serving      a web application behind a real server
course       the list of lessons: the map and the words
exercises    the exercises, read from the solution notebooks
checking     check, hint and grade: the words of an exercise notebook
checks       the judges behind them, a module for each lesson
judging      what the judges stand on: attempts, the sandbox, and stages such as races and a web server
study        what a learner's copy remembers: progress, and what is due again
workspace    the learner's copy: made, updated, reset, and never overwritten
release      cuts the exercises out of the solutions (cutting is its part inside nbgrader)
classroom    nbgrader for a class: release, collect, grade, report
slides       a lesson as slides (slide_steps says what stands where)
teaching     the vote cards of the teacher's pages
doctor       what this machine can do
cli          the program `course` (commands holds what each of its words does)

No pattern of the library imports this folder. Here, too, importing a module has no effect.
"""
