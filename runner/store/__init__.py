"""Remembers: tables, the journal (the only writer), queries, the lock and the lineage."""
