"""Commands by which a person decides: doubts, imports, refills, cancellations, labels of balances.

Not here: what a pass does by itself.
Begin at `doubt.doubt`, `import_orders.import_`, `refill_cancel.refill`.
"""
