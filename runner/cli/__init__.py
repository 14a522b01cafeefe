"""Asks: options in, the other rooms called, results shown. The only room that knows click.

Not here: rules about orders or money, SQL, what an answer of a panel means.
Begin at `main.cli`, then the command in `commands/`, `by_hand/` or `watch/`; `composition.open_session` joins the rooms.
"""
