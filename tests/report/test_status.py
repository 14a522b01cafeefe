"""Standings as a person reads them."""

from datetime import timedelta

from runner.planning.status.order_status import Health, Standings, Sync
from runner.report.text.status import render_status


def standings(*orders):
    return Standings(orders=orders, summary={})


def test_one_line_an_order_and_a_summary(make, write):
    checked = make.now - timedelta(minutes=3)
    orders = [
        make.standing(checked_at=checked),
        make.standing("spring/b", health=Health.COMPLETED, remains=0, checked_at=checked),
    ]
    text = write(render_status, standings(*orders), make.now)
    assert next(line.split() for line in text.splitlines() if "teaser" in line) == [
        "spring/teaser", "progressing", "23501", "250", "0.37", "3", "min", "ago",
    ]  # fmt: skip
    assert "2 orders: 2 placed; 1 progressing, 1 completed" in text
    assert "done in" not in text


def test_an_order_that_was_not_bought_shows_why_and_no_health(make, write):
    refused = make.standing(
        sync=Sync.REFUSED, health=Health.UNKNOWN, panel_order_id=None, charge=None, remains=None, checked_at=None,
        message="Quantity too small",
    )  # fmt: skip
    text = write(render_status, standings(refused), make.now)
    assert next(line.split() for line in text.splitlines() if "teaser" in line) == [
        "spring/teaser",
        "refused",
        "-",
        "-",
        "-",
    ]
    assert "Quantity too small" in text
    assert "unknown" not in text


def test_a_changed_order_shows_both(make, write):
    assert "progressing (changed)" in write(render_status, standings(make.standing(sync=Sync.CHANGED)), make.now)


def test_too_many_for_a_screen_are_summed_up_with_the_way_to_see_them(make, write):
    orders = [make.standing(f"spring/{n}") for n in range(250)]
    orders.append(make.standing("spring/lost", sync=Sync.IN_DOUBT, message="the answer was lost"))
    text = write(render_status, standings(*orders), make.now)
    assert "spring/17" not in text
    assert "250" in text
    assert "--select" in text
    assert "--format json" in text
    assert "spring/lost" in text
    assert len(text.splitlines()) < 20


def test_through_a_pipe_all_orders_are_lines_with_exact_values(make, write):
    orders = [make.standing(f"spring/{n}", charge=None) for n in range(250)]
    lines = write(render_status, standings(*orders), make.now, width=None).splitlines()
    fields = next(line for line in lines if line.startswith("spring/17 ")).split()
    assert fields == ["spring/17", "placed", "progressing", "23501", "250", "-", "2026-03-01T12:00:00.000Z", "-", "-"]
    assert sum(line.startswith("spring/") for line in lines) == 250
    assert lines[-1] == "250 orders: 250 placed; 250 progressing"


def test_the_last_line_counts_how_file_and_state_agree_and_how_what_was_bought_fares(make, write):
    orders = [
        make.standing("spring/a"),
        make.standing("spring/b", sync=Sync.CHANGED, health=Health.STALLED),
        make.standing("spring/c", sync=Sync.MISSING, health=Health.UNKNOWN),
        make.standing("spring/d", sync=Sync.IN_DOUBT, health=Health.UNKNOWN),
    ]
    text = write(render_status, standings(*orders), make.now, width=120)
    assert "4 orders: 1 placed, 1 changed, 1 missing, 1 in doubt; 1 progressing, 1 stalled" in text


def test_live_orders_show_when_they_should_be_done(make, write):
    orders = [make.standing("spring/a", eta=make.now + timedelta(hours=3)), make.standing("spring/b")]
    text = write(render_status, standings(*orders), make.now, width=100)
    first, second = (line for line in text.splitlines() if line.startswith("spring/"))
    assert "done in" in text
    assert first.endswith("3 h")
    assert second.rstrip().endswith("ago")
    piped = write(render_status, standings(*orders), make.now, width=None)
    assert "2026-03-01T15:00:00.000Z" in piped


def test_no_orders_is_said(make, write):
    assert write(render_status, standings(), make.now, width=None) == "No orders.\n"
