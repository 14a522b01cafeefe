"""One file per step, in the order of `runner.store.schema.revisions`."""
