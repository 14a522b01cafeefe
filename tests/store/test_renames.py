"""A renamed order keeps what is known of it: its protection goes with it, and the rename is kept for later."""

from runner.core.operations import BeginRun, EndRun, Protect, Rename, Unprotect
from runner.store.read.runs import read_runs
from runner.store.read.snapshot import read_state
from runner.store.recovery.repair import carry_out, plan_move, plan_removal
from runner.store.recovery.restore import plan_restore, restore
from runner.store.startup.backup import backup
from tests.store.making import NOW, a_mark, a_settle, placed, raw


def grown(writer) -> None:
    """Orders 1 and 2, placed; the first is protected."""
    ids = writer.commit([a_mark(1), a_mark(2)])
    writer.commit([a_settle(ids[0], placed("p1")), a_settle(ids[1], placed("p2"))])
    writer.commit([Protect([("spring", "order-1")], NOW)])


def test_protection_goes_through_a_chain_of_renames(writer, paths):
    grown(writer)
    writer.commit([Rename([("spring", "order-1", "b"), ("spring", "b", "c")])])
    recorded = read_state(paths)
    assert recorded.protected == {("spring", "c")}
    assert set(recorded.attempts) == {("spring", "c"), ("spring", "order-2")}


def test_a_rename_onto_an_id_that_was_protected_before_it_was_ordered_is_no_conflict(writer, paths):
    grown(writer)
    writer.commit([Protect([("spring", "b")], NOW)])
    writer.commit([Rename([("spring", "order-1", "b")])])
    assert read_state(paths).protected == {("spring", "b")}


def test_a_rename_is_kept_with_both_addresses_once(writer, paths):
    grown(writer)
    for _ in range(2):  # the second time there is nothing left to be renamed
        writer.commit([Rename([("spring", "order-1", "b"), ("spring", "order-9", "z")])])
    commands = [run.command for run in read_runs(paths)]
    assert commands == ["apply", "moved spring/order-1 spring/b"]
    assert raw(paths, "SELECT exit_code, ended_at IS NOT NULL FROM runs WHERE command LIKE 'moved%'") == [(0, 1)]


def test_protection_goes_with_state_mv_and_state_rm(writer, paths, lock, clock):
    grown(writer)
    writer.commit([EndRun("run-1", 0, NOW)])
    writer.close()
    moves = [plan_move(read_state(paths), ("spring", "order-1"), ("summer", "one"))]
    carry_out(paths, lock, clock, "state mv", moves)
    assert read_state(paths).protected == {("summer", "one")}
    clock.advance(1)
    moves = [plan_removal(read_state(paths), ("summer", "one"), accepted=True)]
    carry_out(paths, lock, clock, "state rm", moves)
    assert read_state(paths).protected == {("summer", "one~removed1")}


def test_a_restored_copy_protects_what_was_protected_since(writer, paths, clock):
    grown(writer)
    copy = backup(paths, clock)
    clock.advance(60)
    writer.commit([BeginRun("run-2", "apply", NOW)])
    writer.commit([Protect([("spring", "order-2")], NOW), Unprotect([("spring", "order-1")])])
    writer.commit([EndRun("run-2", 0, NOW)])
    writer.close()
    restore(paths, plan_restore(paths, copy), "the disk was replaced", clock)
    assert read_state(paths).protected == {("spring", "order-1"), ("spring", "order-2")}
