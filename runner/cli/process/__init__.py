"""The process itself: its streams, its signals, its memory, and questions on its terminal.

Not here: options, orders, state.
Begin at `signals.draining`, `streams.take_streams`.
"""
