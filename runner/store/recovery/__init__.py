"""What a person asks for when a state is damaged or old: verify, repair, restore, merge.

Not here: anything that happens without being asked for.
Begin at `restore.restore`, `verify.verify`, `repair.carry_out`.
"""
