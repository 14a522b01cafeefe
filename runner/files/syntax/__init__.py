"""Text to values: YAML, CSV, numbers and times as people write them, with line and column.

Not here: what a campaign is.
Begin at `source.CheckedFile`, `nodes.Node`, `scalars.fraction`.
"""
