"""Refills and cancellations that are due or of no use, and orders bought elsewhere.

Not here: asking a panel.
Begin at `due_refills.DueRefill`, `cancels.cannot_cancel`, `imports.Imported`.
"""
