"""Makes the decisions, in pure functions of campaigns, recorded state, catalogue, balance and time.

Not here: I/O and clocks; a decision is data.
Begin at `plan.Plan`, `reconcile/plan_request.py` (`plan_of`), `fingerprint.checksum`.
"""
