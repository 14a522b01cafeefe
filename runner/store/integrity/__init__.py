"""Is the state whole, and is all of it there: lineage, marks, seals, the log to its end; refuses if not.

Not here: mending anything.
Begin at `progress_evidence.check`, `startup_check.refuse_if_unsound`, `high_water.HighWaterMarks`.
"""
