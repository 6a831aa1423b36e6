"""What the learner's own copy remembers: tries, hints and passes, how far you are, and what is due again.

progress    a small SQLite file of the learner's own, through the patterns of the library
rows        its tables, and the queries on them
shown       the same as a table and as a picture
questions   the retrieval questions of the lessons
review      what is due again today
"""
