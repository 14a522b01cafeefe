import gc

import pytest

from runner.engine.gc_pause import gc_frozen

DEFAULT = gc.get_threshold()[0]


def fail_inside():
    with gc_frozen():
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] > DEFAULT
        raise RuntimeError


def test_garbage_collection_is_afterwards_as_it_was_before_even_after_a_failure():
    before = gc.get_threshold(), gc.get_freeze_count()
    with pytest.raises(RuntimeError):
        fail_inside()
    assert (gc.get_threshold(), gc.get_freeze_count()) == before
