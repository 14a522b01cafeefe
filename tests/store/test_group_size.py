"""How large the groups are that the journal commits."""

from runner.store.write.group_size import LARGEST, GroupSize


class Clocks:
    """Time, and how much of it the thread computed."""

    def __init__(self) -> None:
        self.wall = self.computed = 100.0

    def pass_by(self, seconds: float, busy: float) -> None:
        self.wall += seconds
        self.computed += seconds * busy


def sizes(clocks: Clocks, busy: float, commits: int, size: GroupSize, commit_takes: float = 0.0) -> list[int]:
    found = []
    for _ in range(commits):
        clocks.pass_by(0.01, busy)
        size.before_commit()
        found.append(size.limit)
        clocks.pass_by(commit_takes, 0.0)
        size.after_commit()
    return found


def of(clocks: Clocks) -> GroupSize:
    return GroupSize(lambda: clocks.wall, lambda: clocks.computed)


def test_a_busy_thread_gathers_and_one_with_time_to_spare_does_not():
    clocks = Clocks()
    size = of(clocks)
    assert size.limit == LARGEST
    assert set(sizes(clocks, 0.95, 50, size)) == {LARGEST}
    turned = sizes(clocks, 0.3, 50, size)
    assert turned[-1] < 10
    assert sizes(clocks, 0.95, 100, size)[-1] == LARGEST


def test_one_pause_alone_changes_nothing():
    clocks = Clocks()
    size = of(clocks)
    sizes(clocks, 1.0, 50, size)
    assert sizes(clocks, 0.0, 1, size) == [LARGEST]


def test_a_slow_disk_does_not_count_as_time_to_spare():
    clocks = Clocks()
    size = of(clocks)
    assert set(sizes(clocks, 0.95, 50, size, commit_takes=0.5)) == {LARGEST}


def test_a_busy_thread_waits_for_more_calm_turns_than_one_with_time_to_spare():
    clocks = Clocks()
    size = of(clocks)
    sizes(clocks, 0.95, 50, size)
    assert size.calm == 3
    sizes(clocks, 0.3, 50, size)
    assert size.calm == 1
