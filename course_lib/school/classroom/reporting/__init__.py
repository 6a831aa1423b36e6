"""Who passed what, and what was met.

html           the parts of a page
over_time      which misconceptions were met, and by whom they were left behind
next_hour      what to talk about in the next hour
teachers_page  the report on a lesson as a page
learners_page  a page about one learner
report         the report, its tables and its pages
"""
