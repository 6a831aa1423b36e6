# What bash reads at its start in a terminal of JupyterLab: your own settings, and then, whatever those made of the
# search path, the programs of this environment in front.
[ -f ~/.bashrc ] && . ~/.bashrc
PATH="$COURSE_PROGRAMS:$PATH"
