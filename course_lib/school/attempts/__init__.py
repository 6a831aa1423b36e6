"""An answer at work: a learner's function runs on a fresh database, and nothing it does ends the notebook.

verdicts           what keeps an attempt from passing
whose_frame        which lines are the learner's
raw_errors         the table: what a raw error means, and its name
explaining         an error in a learner's words
time_limit         how long a learner's code may take, and how it is stopped
given_session      whether it asks through the session that it was given
sandbox            runs it, whatever it does
lettered_answer    an answer of letters, however it is written
lines_as_function  a function made of lines in an order
attempt            the function, the database, and the truth about what happened: what a judge is given
fresh_database     the database that an attempt begins with
"""
