"""One order by itself: its history, former ids, edits of its line, instalments, what is undelivered; orders bought elsewhere.

Not here: what to do about them, which `reconcile` decides.
Begin at `order_history.OrderHistory`, `order_diff.change_of`, `shortfall.shortfalls`, `imports.Imported`.
"""
