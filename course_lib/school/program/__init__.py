"""The program `course`.

doctor         looks at the machine
asking         which copy is meant, and how to say no
for_everybody  open the lessons, serve the application, check the kit
for_learners   the copy, the exercises, the progress, the review
for_teachers   slides, and the steps of a class
missing_names  a skipped or broken cell, named by the next one
cli            reads the words that were typed

JupyterLab reads jupyterlab.json and jupyterlab_page.json, its terminals terminal.bashrc, and each kernel
ipython_config.py. In labextension is what draws course_lib/lab/forms.py there.
"""
