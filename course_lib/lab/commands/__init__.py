"""The commands of the program `course`: each is a function, and its docstring is what `--help` says of it."""
