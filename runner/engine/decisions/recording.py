"""Records a person's decision as a run of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from runner.core.errors import ExitCode, JournalBroken, StateRefused
from runner.core.operations import BeginRun, DoubtLeftOvers, EndRun
from runner.engine.ports import Journal


@asynccontextmanager
async def run_of_its_own(journal: Journal, run_id: str, command: str, at: datetime) -> AsyncIterator[None]:
    """Open a run for the block, left-overs settled first; a refusal inside closes it and goes on to the caller."""
    await journal.record(BeginRun(run_id, command, at))
    await journal.record(DoubtLeftOvers(at))
    try:
        yield
    except JournalBroken:  # it can't close its run either
        raise
    except StateRefused:
        await journal.record(EndRun(run_id, ExitCode.STATE, at))
        raise
    await journal.record(EndRun(run_id, ExitCode.OK, at))
