"""The books: charges, refunds, reservations and the balance, and what they leave unexplained.

Not here: decisions; a sum forbids nothing here.
Begin at `ledger.make_ledger`, `attempt_index.History`, `timeline.of_order`.
"""
