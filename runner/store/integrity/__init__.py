"""Checks that the state is whole and complete: lineage, marks, seals, the log to its end. Refuses it if not.

Not here: mending anything.
Begin at `progress_evidence.check`, `startup_check.refuse_if_unsound`, `high_water.HighWaterMarks`.
"""
