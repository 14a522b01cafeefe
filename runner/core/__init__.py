"""The words of the domain: orders, attempts, refills, doubts, the catalogue, errors with exit codes.

Not here: I/O of any kind, and imports from other rooms.
Begin at `orders.Campaign`, `attempts.Attempt`, `operations.Operation`, `snapshot.Recorded`.
"""
