"""Where text for people goes: a terminal with colours and fitted tables, or a plain pipe.

Not here: what is said.
Begin at `screen.Screen`, `style.Style`.
"""
