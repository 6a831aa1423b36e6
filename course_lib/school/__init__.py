"""The course around the instruments: lessons and exercises, a learner's copy, a class, and the program `course`.

kit_files            where the kit's own files lie
lessons              the list of lessons and words; the questions and vote cards of a lesson
exercises            the exercises as the solution notebooks have them, and what may come of an attempt
learner              a learner's own copy: made, updated, never overwritten; and what it remembers
attempts             an answer at work: a fresh database, a sandbox, a time limit, an error in plain words
stages               what an answer meets there: races, a caller with work of its own, a web server
judges               what decides that an answer is right: a folder for each lesson, a module for each exercise
checking             check, hint and grade: the words of an exercise notebook
making               exercises cut out of the solutions, and lessons as slides
classroom            nbgrader for a class: release, collect, grade, report
program              the program `course`: its commands, and the doctor
former_module_names  notebooks that were written before the modules had these names

A folder imports only those above it, the lab, and the library. Importing a module has no effect.
"""
