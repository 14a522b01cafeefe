"""What speaks for and against an order in doubt, and signs that come late.

Not here: settling it: a person does.
Begin at `evidence.weigh`, `late_execution.late_signs`.
"""
