"""Carries out what a person decided: a doubt is settled, an order bought elsewhere is taken in.

Not here: the evidence that speaks for a decision, which `planning.doubts` weighs.
Begin at `settle_doubt.record`, `import_orders.record`.
"""
