"""Apply, again and again, until nothing goes on by itself.

Not here: signals, files, displays.
Begin at `loop.Watch`, `totals.PassResult`.
"""
