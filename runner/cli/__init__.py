"""Reads what was typed, calls the other rooms and shows results. The only room that knows click.

Not here: rules about orders or money, SQL, what an answer of a panel means.
Begin at `main.cli`, then the command in `commands/`, `by_hand/` or `watch/`; `composition.open_session` joins the rooms.
"""
