"""What happens before a state is written: may it begin, is it sound, a backup, what was spilled.

Not here: the run itself.
Begin at `opening.open_writer`, `first_start.admit`, `backup.backup`.
"""
