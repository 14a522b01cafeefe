"""What is listed against what is recorded: the plan and the next action for each order.

Not here: how a price or a cap is computed, and what a status means.
Begin at `plan_request.plan_of`, `planner.make_plan`, `existing_orders.ExistingOrders`.
"""
