"""The program `course`.

doctor         looks at the machine
asking         which copy is meant, and how to say no
for_everybody  open the lessons, serve the application, check the kit
for_learners   the copy, the exercises, the progress, the review
for_teachers   slides, and the steps of a class
cli            reads the words that were typed

JupyterLab reads jupyterlab.json and jupyterlab_page.json, and each kernel ipython_config.py. In labextension is what
draws course_lib/lab/forms.py there.
"""
