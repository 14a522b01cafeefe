"""One file for each family of facts: the statements that record it, and how its rows are read.

Not here: transactions; the writer decides what belongs together.
Begin at `attempts.mark_row`, `statuses.see_statuses`, `doubts.decide`.
"""
