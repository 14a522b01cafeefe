"""What is odd about a status: unknown words, final ones taken back, orders that are lost."""

from datetime import timedelta

import pytest

from runner.core.attempts import LiveStatus, StatusSeen
from runner.planning.status.order_status import lost_words
from runner.planning.status.status_anomalies import Words
from tests.planning.builders import NOW, D, an_attempt, an_order, recorded_with


def seen(attempt_id=1, status=LiveStatus.PENDING, word="Pending", charge=None, error=""):
    return StatusSeen(attempt_id, status, word, charge, None, None, "USD", NOW, error)


def odd(attempt_id=1, word="Brewing"):
    return seen(attempt_id, LiveStatus.UNKNOWN, word)


def remarks(recorded, *answers):
    words = Words()
    words.learn(recorded)
    return [(one.order, one.message) for one in words.of_known_orders(answers, recorded.by_id())]


def test_a_word_that_is_not_known_is_told_the_first_time_a_panel_says_it():
    recorded = recorded_with(
        an_attempt(an_order("a"), status=LiveStatus.IN_PROGRESS), an_attempt(an_order("b")), an_attempt(an_order("c"))
    )
    found = remarks(recorded, odd(1), odd(2), odd(3, "Steeping"))
    assert [order for order, _ in found] == ["spring/a", "spring/c"]
    assert "`Brewing`" in found[0][1]
    assert "in progress" in found[0][1]


def test_a_word_that_the_state_holds_already_is_not_told_again_but_on_another_panel():
    known = an_attempt(an_order("a"), status_text="Brewing")
    assert remarks(recorded_with(known, an_attempt(an_order("b"))), odd(2)) == []
    assert len(remarks(recorded_with(known, an_attempt(an_order("b"), panel="other")), odd(2))) == 1


def test_one_look_at_several_batches_tells_a_word_once():
    words, known = Words(), recorded_with(an_attempt(an_order("a")), an_attempt(an_order("b"))).by_id()
    assert [len(list(words.of_known_orders([odd(n)], known))) for n in (1, 2)] == [1, 0]


@pytest.mark.parametrize(
    ("now", "charge", "words"),
    [
        (LiveStatus.IN_PROGRESS, None, "completed -> in progress"),
        (LiveStatus.PARTIAL, D("0.45"), "completed -> partial, charge 0.90 -> 0.45"),
        (LiveStatus.COMPLETED, D("0.45"), "charge 0.90 -> 0.45"),
    ],
)
def test_a_final_status_that_is_corrected_is_told_with_what_changed(now, charge, words):
    before = an_attempt(status=LiveStatus.COMPLETED, charge=D("0.90"))
    ((order, message),) = remarks(recorded_with(before), seen(status=now, charge=charge))
    assert order == "spring/teaser"
    assert words in message
    assert "23501" in message


@pytest.mark.parametrize(
    "answer",
    [
        seen(status=LiveStatus.COMPLETED, charge=D("0.900")),
        seen(status=LiveStatus.UNKNOWN, word="", error="Incorrect order ID"),
        seen(attempt_id=99),
    ],
)
def test_what_is_as_before_or_says_nothing_is_no_remark(answer):
    assert remarks(recorded_with(an_attempt(status=LiveStatus.COMPLETED, charge=D("0.90"))), answer) == []


def test_a_live_order_may_become_whatever_it_likes():
    assert remarks(recorded_with(an_attempt(status=LiveStatus.PENDING)), seen(status=LiveStatus.CANCELED)) == []


def test_orders_that_a_panel_no_longer_knows_are_one_warning_with_a_few_addresses_and_the_next_step():
    lost = [an_attempt(an_order(f"o{n}"), panel_order_id=f"p{n}", missing_in_a_row=3) for n in range(5)]
    (words,) = lost_words(recorded_with(*lost))
    assert "5 live orders: spring/o0 (p0), spring/o1 (p1), spring/o2 (p2) and 2 more" in words
    assert "ask its support" in words


def test_a_final_order_that_vanishes_and_one_missed_twice_are_no_loss():
    gone = an_attempt(status=LiveStatus.COMPLETED, missing_in_a_row=9, final_at=NOW - timedelta(days=40))
    assert lost_words(recorded_with(gone, an_attempt(an_order("b"), missing_in_a_row=2))) == ()


@pytest.mark.parametrize("word", ['""', "(none)", "null"])
def test_an_empty_word_is_told_like_any_other(word):
    ((_, message),) = remarks(recorded_with(an_attempt(an_order("a"))), odd(1, word))
    assert f"`{word}`" in message


def test_words_of_orders_just_placed_are_told_once_for_all_of_them_and_not_again_by_the_next_look():
    words = Words()
    first = list(words.of_new_orders([odd(7), odd(8)], "sandbox"))
    assert [(one.order, "`Brewing`" in one.message) for one in first] == [(None, True)]
    assert list(words.of_new_orders([odd(9)], "sandbox")) == []
    assert list(words.of_known_orders([odd(1)], recorded_with(an_attempt()).by_id())) == []
    assert len(list(words.of_new_orders([odd(9)], "other"))) == 1


def test_words_that_the_state_holds_are_known_of_new_orders_too():
    words = Words()
    words.learn(recorded_with(an_attempt(an_order("a"), status_text="Brewing")))
    assert list(words.of_new_orders([odd(9)], "sandbox")) == []
