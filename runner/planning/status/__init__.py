"""How orders stand, when they are asked about next, and which of them a person means.

Not here: what to buy.
Begin at `order_status.make_standings`, `poll_schedule.terms_of`, `selectors.Selector`.
"""
