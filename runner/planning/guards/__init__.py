"""What forbids a plan or a purchase: budgets, balance, limits, prices, charges, consent.

Not here: which orders are missing.
Begin at `budget.allowance`, `price_guard.hold`, `charge_check.check_charge`.
"""
