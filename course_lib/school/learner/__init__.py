"""The learner's own copy of the course, and what it remembers.

copies           the copy: made, updated, reset, and never overwritten
places           where it lies: beside the kit, or at home where the kit is there for many
hubs             JupyterHub: whether we are on one, and where it opens a notebook
files            its files, written so that nothing is lost
merging          a notebook that both the learner and the kit have changed
new_names        exercise notebooks under the names that they had before
news             what the kit has for a notebook of the copy
progress         tries, hints and passes, in a small SQLite file, through the patterns of the library
progress_tables  the tables of that file, and the queries on them
progress_page    the progress as a page to print, and for a spreadsheet
progress_shown   the progress as a table and as a picture
review           what is due again today
"""
