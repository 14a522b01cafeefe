"""One file for each group of everyday commands: parse, call, show.

Not here: commands that record what a person decided (`by_hand`), and `watch`.
Begin at `apply.apply`, `plan.plan`, `status.status`.
"""
