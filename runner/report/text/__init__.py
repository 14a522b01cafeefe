"""The text of each command, as lines and tables on a screen.

Not here: documents for programs, live displays.
Begin at `plan.render_plan`, `apply.render_apply`, `status.render_status`.
"""
