"""One file for each family of facts: what is recorded about it, and how its rows are read.

Not here: transactions; the writer decides what belongs together.
Begin at `kinds.Operation`, `attempts.mark_row`, `refills.carry_out`.
"""
