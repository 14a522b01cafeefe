"""Patterns of `--select` and `--exclude`: what they mean of listed and of recorded orders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.attempts import AttemptState, LiveStatus
from runner.planning.status.selectors import Selector, WrongPattern, only, parse
from tests.planning.builders import NOW, a_campaign, an_attempt, an_order, recorded_with

A, B, C = an_order("a", service="1"), an_order("b", service="2"), an_order("c", service="12")
CAMPAIGN = a_campaign(A, B, C, tags={"a": ("video", "week-1"), "b": ("video",)})
NOTHING = recorded_with()


def never(name: str) -> frozenset[str]:
    raise AssertionError(name)


def selector(*select: str, exclude: tuple[str, ...] = (), files=never) -> Selector:
    found = parse(select, exclude, files)
    assert found is not None
    return found


def chosen(*select: str, exclude: tuple[str, ...] = (), recorded=NOTHING, campaign=CAMPAIGN, files=never) -> str:
    takes = selector(*select, exclude=exclude, files=files).bind([campaign], recorded, NOW)
    return "".join(order.id for order in campaign.orders if takes(order))


def test_without_patterns_there_is_no_selector():
    assert parse((), (), never) is None


@pytest.mark.parametrize(
    ("patterns", "ids"),
    [
        (("spring/a",), "a"),
        (("spring/[ab]",), "ab"),
        (("*/c", "spring/a"), "ac"),
        (("other/*",), ""),
        (("a",), ""),
        (("tag:video",), "ab"),
        (("tag:week-*",), "a"),
        (("tag:none",), ""),
        (("service:2",), "b"),
        (("service:1*",), "ac"),
        (("service:1", "tag:video"), "ab"),
    ],
)
def test_patterns_add_up(patterns: tuple[str, ...], ids: str):
    assert chosen(*patterns) == ids


def test_what_is_excluded_is_taken_away_whatever_selects_it():
    assert chosen("spring/*", exclude=("tag:week-1", "service:12")) == "b"
    assert chosen(exclude=("spring/b",)) == "ac"
    assert chosen("spring/b", exclude=("spring/b",)) == ""


RECORDED = recorded_with(
    an_attempt(A, status=LiveStatus.IN_PROGRESS, checked_at=NOW),
    an_attempt(B, AttemptState.REFUSED, message="link_duplicate"),
    an_attempt(an_order("old"), status=LiveStatus.COMPLETED, checked_at=NOW),
)


@pytest.mark.parametrize(
    ("word", "ids"),
    [
        ("placed", "a"),
        ("progressing", "a"),  # how it fares
        ("in_progress", "a"),  # the panel's word
        ("in-progress", "a"),
        ("In Progress", "a"),
        ("refused", "b"),
        ("missing", "c"),
        ("cancelled", ""),
        ("unknown", ""),  # of an order that was never bought no status is unknown: there is none
        ("completed", ""),  # of no listed order
    ],
)
def test_a_status_is_a_word_of_runner_status(word: str, ids: str):
    assert chosen(f"status:{word}", recorded=RECORDED) == ids


def test_a_status_follows_the_state_it_is_bound_to():
    refused = selector("status:refused")
    assert refused.needs_state
    assert not refused.bind([CAMPAIGN], NOTHING, NOW)(B)
    assert refused.bind([CAMPAIGN], RECORDED, NOW)(B)
    assert not selector("tag:video", "@list", files=lambda _: frozenset()).needs_state


def test_an_order_that_is_listed_no_longer_is_chosen_by_address_service_and_status_but_has_no_tags():
    old = an_order("old")

    def takes(*patterns: str, exclude: tuple[str, ...] = ()) -> bool:
        return selector(*patterns, exclude=exclude).bind([CAMPAIGN], RECORDED, NOW)(old)

    assert takes("spring/old")
    assert takes("service:1")
    assert takes("status:removed")
    assert takes("status:completed")
    assert not takes("tag:*")
    assert takes(exclude=("tag:*",))


def test_a_renamed_order_is_chosen_by_what_is_known_of_its_former_name():
    campaign = a_campaign(an_order("new"), moved={"new": "b"})
    assert chosen("status:refused", campaign=campaign, recorded=recorded_with(an_attempt(B, AttemptState.REFUSED))) == (
        "new"
    )


def test_a_file_lists_addresses():
    files = {"list.txt": frozenset({"spring/b", "spring/zzz"})}
    assert chosen("@list.txt", files=files.__getitem__) == "b"
    assert chosen(exclude=("@list.txt",), files=files.__getitem__) == "ac"


def test_a_selector_of_addresses_takes_these_and_says_nothing():
    takes = only(["spring/b"]).bind([CAMPAIGN], NOTHING, NOW)
    assert [order.id for order in CAMPAIGN.orders if takes(order)] == ["b"]
    assert only([]).bind([CAMPAIGN], NOTHING, NOW).warnings([CAMPAIGN], NOTHING) == []
    assert not any(map(only([]).bind([CAMPAIGN], NOTHING, NOW), CAMPAIGN.orders))


@pytest.mark.parametrize(
    ("pattern", "message", "hint"),
    [
        ("status:bought", "--select status:bought: no such status", "missing, sending, placed"),
        ("tags:video", "`tags:` is nothing to choose by", "tag:NAME"),
        ("STATUS:placed", "`STATUS:` is nothing to choose by", "status:WORD"),
        ("tag:", "nothing stands behind the colon", "tag:NAME"),
        ("@", "no file is named", "@FILE"),
        ("", "--select is empty", "a glob over campaign/id"),
        ("x\x1b[31m:y", "fits no", ""),
    ],
)
def test_a_pattern_that_means_nothing_is_refused_with_the_choices(pattern: str, message: str, hint: str):
    if message == "fits no":  # no prefix at all: a glob, shown cleaned
        (warning,) = selector(pattern).bind([CAMPAIGN], NOTHING, NOW).warnings([CAMPAIGN], NOTHING)
        assert "\x1b" not in warning
        return
    with pytest.raises(WrongPattern) as wrong:
        selector(pattern)
    assert message in str(wrong.value)
    assert hint in wrong.value.hint


def test_a_wrong_pattern_is_told_with_its_option():
    with pytest.raises(WrongPattern, match="--exclude status:x"):
        selector(exclude=("status:x",))


def test_each_select_that_no_order_fits_is_warned_of():
    found = (
        selector("spring/a", "tag:none", "status:canceled")
        .bind([CAMPAIGN], RECORDED, NOW)
        .warnings([CAMPAIGN], RECORDED)
    )
    assert found == ["--select tag:none fits no order", "--select status:canceled fits no order"]
    assert selector("status:removed").bind([CAMPAIGN], RECORDED, NOW).warnings([CAMPAIGN], RECORDED) == []
    assert selector("spring/old").bind([CAMPAIGN], RECORDED, NOW).warnings([CAMPAIGN], RECORDED) == []


def test_an_exclusion_of_everything_is_warned_of_and_one_of_nothing_is_not():
    assert selector(exclude=("spring/*",)).bind([CAMPAIGN], NOTHING, NOW).warnings([CAMPAIGN], NOTHING) == [
        "--exclude leaves no order"
    ]
    assert selector("tag:video", exclude=("tag:video",)).bind([CAMPAIGN], NOTHING, NOW).warnings(
        [CAMPAIGN], NOTHING
    ) == ["--exclude leaves no order"]
    assert selector(exclude=("other/*",)).bind([CAMPAIGN], NOTHING, NOW).warnings([CAMPAIGN], NOTHING) == []


@given(st.text(max_size=20))
def test_any_text_is_a_pattern_or_refused_in_one_line(text: str):
    refused = ""
    try:
        takes = selector(text, files=lambda name: frozenset([name])).bind([CAMPAIGN], RECORDED, NOW)
    except WrongPattern as wrong:
        refused = f"{wrong}{wrong.hint}"
    else:
        assert {takes(order) for order in CAMPAIGN.orders} <= {True, False}
    assert "\n" not in refused
