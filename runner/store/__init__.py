"""Remembers: the journal (the only writer while runs go on) and readers, over one SQLite file.

Not here: what is to be done about what it remembers.
Begin at `journal.open_journal`, `connection.reading`, `read/snapshot.py` (`read_state`).
"""
