"""Readers: each function is one read of the database, plain sqlite3, read-only.

Not here: writing, locks.
Begin at `snapshot.read_state`, `balance_looks.read_readings`, `doubts.read_kept`.
"""
