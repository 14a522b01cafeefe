"""What a person asks for when a state is damaged, old or at the wrong place: verify, repair, restore, merge, copy.

Not here: anything that happens without being asked for.
Begin at `restore.restore`, `verify.verify`, `repair.carry_out`, `copy_state.copy`.
"""
