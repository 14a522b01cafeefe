"""The one writer: batches of operations, each batch in one durable transaction.

Not here: what a single operation does to the tables.
Begin at `writer.Writer`, `spill_file.SpillFile`.
"""
