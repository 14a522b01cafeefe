"""Keeps the state, in one SQLite file or on a PostgreSQL server: the journal (the only writer while runs go on), readers.

Not here: what is to be done about what it remembers.
Begin at `journal.open_journal`, `connection.reading`, `read/snapshot.py` (`read_state`).
"""
