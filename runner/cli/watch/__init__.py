"""`runner watch`: its options, the consent to what it buys, and one pass as the command line makes it.

Not here: when to look again, which `planning.status` decides, and the loop, which is `engine.watch`.
Begin at `command.watch`, `one_pass.Passes`.
"""
