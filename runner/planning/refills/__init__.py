"""Finds the refills and cancellations that are due, those that can't help, and those that are over.

Not here: asking a panel.
Begin at `due_refills.DueRefill`, `cancels.cannot_cancel`.
"""
