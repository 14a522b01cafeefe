"""One order by itself: edits of its line, its instalments, what was left undelivered, and orders bought elsewhere.

Not here: what to do about them, which `reconcile` decides.
Begin at `order_diff.change_of`, `drip.instalments`, `shortfall.shortfalls`, `imports.Imported`.
"""
