"""The tables, and the way to their newest form.

Not here: statements that fill them.
Begin at `tables.metadata`, `migrate.ensure_schema`, `revisions.HEAD`.
"""
