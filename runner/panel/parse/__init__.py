"""What an answer means: text in, typed answer or trouble out. Pure, total, by content alone.

Not here: sockets, retries, clocks.
Begin at `outcome.classify_add`, `answers.StatusAnswer`, `refusals.likely_reason`.
"""
