"""Which operations of a batch may share statements, and in which order a batch is carried out. Pure."""

from collections.abc import Sequence

from runner.core.operations import Mark, Operation, Settle

GROUPED = frozenset({Mark, Settle})  # may share statements


def stretches(batch: Sequence[Operation]) -> list[list[int]]:
    """Places of operations that may share statements: marks and settles side by side; the others keep their turn."""
    stretches: list[list[int]] = []
    open_stretch = False
    for place, operation in enumerate(batch):
        grouped = type(operation) in GROUPED
        if grouped and open_stretch:
            stretches[-1].append(place)
        else:
            stretches.append([place])
        open_stretch = grouped
    return stretches


def settles_first(batch: Sequence[Operation]) -> list[int]:
    """All places, in the order in which a group carries them out: a settle may free what a mark needs."""
    return [
        place
        for stretch in stretches(batch)
        for place in sorted(stretch, key=lambda place: not isinstance(batch[place], Settle))
    ]
