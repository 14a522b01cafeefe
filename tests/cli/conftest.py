import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """What a command sets up for its log ends with the test: the next one may listen to it."""
    log = logging.getLogger("runner")
    level, handlers = log.level, list(log.handlers)
    yield
    for added in set(log.handlers) - set(handlers):
        log.removeHandler(added)
        added.close()
    log.setLevel(level)
