"""What was seen of a panel's connections, and what an order may be trusted to. No sockets."""

import pytest

from runner.panel.transport.keep_alive import LONGEST_IDLE, REST, KeepAlive


def test_at_first_no_used_connection_carries_an_order():
    assert not KeepAlive().may_carry_order(1, 0.0)


def test_an_order_may_go_where_another_connection_lived_twice_as_long():
    seen = KeepAlive()
    seen.see_open(2, 0.1)
    assert seen.may_carry_order(2, 0.05)
    assert not seen.may_carry_order(2, 0.051)
    assert not seen.may_carry_order(3, 0.01)


def test_a_look_right_after_an_answer_proves_nothing_about_the_number_of_answers():
    """A server that hangs up behind its last answer is seen to do so a moment later."""
    seen = KeepAlive(idle=1.0)
    seen.see_open(7, REST / 2)
    assert not seen.may_carry_order(7, 0.0)
    seen.see_open(7, REST)
    assert seen.may_carry_order(7, 0.0)


def test_a_connection_that_was_idle_for_long_never_carries_an_order():
    seen = KeepAlive(answers=9, idle=3600.0)
    assert seen.may_carry_order(1, LONGEST_IDLE)
    assert not seen.may_carry_order(1, LONGEST_IDLE + 0.01)


@pytest.mark.parametrize("event", [lambda seen: seen.see_closed(0.01), lambda seen: seen.see_lost()])
def test_after_one_broken_promise_no_connection_is_used_twice(event):
    seen = KeepAlive(answers=9, idle=9.0)
    event(seen)
    assert seen.is_broken
    assert not seen.may_carry_order(1, 0.0)
    seen.see_open(9, 9.0)
    assert not seen.may_carry_order(1, 0.0)


def test_a_server_that_closes_what_is_idle_for_long_breaks_no_promise_but_shortens_the_trust():
    seen = KeepAlive(answers=9, idle=9.0)
    seen.see_closed(1.5)
    assert not seen.is_broken
    assert seen.may_carry_order(1, 0.75)
    assert not seen.may_carry_order(1, 0.76)
