"""What an order costs by the panel's list, and how lists differ.

Not here: caps and budgets.
Begin at `quote.Offers`, `quote.charge_for`, `catalogue_diff.differences`.
"""
