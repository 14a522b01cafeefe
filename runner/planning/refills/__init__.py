"""Refills and cancellations that are due, of no use, or over.

Not here: asking a panel.
Begin at `due_refills.DueRefill`, `cancels.cannot_cancel`.
"""
