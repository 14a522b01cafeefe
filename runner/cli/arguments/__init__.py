"""What is typed on a command line: shared flags, their values, and the project that is meant.

Not here: anything that a single command does with them.
Begin at `options.Settings`, `project.with_directory`.
"""
