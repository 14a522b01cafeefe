"""What is shown while a run or a watch goes on.

Not here: results that stay.
Begin at `progress.Progress`, `watch_view.WatchView`, `watch_table.WatchTable`.
"""
