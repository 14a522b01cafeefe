"""What is shown while a run or a watch goes on, and at the end of a watch.

Not here: results of single runs.
Begin at `progress.Progress`, `watch_view.WatchView`, `watch_table.WatchTable`.
"""
