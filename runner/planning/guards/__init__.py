"""What forbids a plan or a purchase: budgets, balance, limits, prices, charges, consent.

Not here: which orders are missing.
Begin at `budget.allowance`, `holds.hold`, `charge_check.check_charge`.
"""
