"""Text of each command, and the JSON of the small ones, as lines, tables and documents.

Not here: the large documents for programs, live displays.
Begin at `plan.render_plan`, `apply.render_apply`, `status.render_status`.
"""
