"""What is said of a balance: since when it is known, what equals what, and when a panel loses its own balance writes."""

import re
import signal
from decimal import Decimal
from threading import Lock

import pytest

from tests.acceptance.own_panel import OwnPanel
from tests.acceptance.project import Project, post
from tests.acceptance.test_exit_codes_after_sending import interrupt_while_submitting
from tests.acceptance.test_json_outputs import errors

D = Decimal
REPORTS = ("--report", "html=out.html", "--report", "markdown=out.md")


def flat(text: str) -> str:
    return " ".join(text.split())


def written(project: Project) -> list[str]:
    """The two reports as text."""
    return [
        flat(re.sub(r"<[^>]+>|&#\d+;", " ", (project.root / name).read_text(encoding="utf-8")))
        for name in ("out.html", "out.md")
    ]


# Since when the balance is known


def test_after_ctrl_c_nothing_is_said_to_agree_that_was_not_read_since(project: Project, serve):
    served = serve("--latency", "0.2")
    project.panels(served.url)
    project.campaign([post(number) for number in range(40)])
    code, _, _ = interrupt_while_submitting(project, signal.SIGINT)
    assert code == 130
    bought = len(served.orders())
    report = project.run("report", *REPORTS)
    for text in (flat(report.out), *written(project)):
        assert "balance and books agree" not in text
        assert f"not read since: {bought} orders sent after it" in text
    assert re.search(r"as the panel said last, at \d{4}-\d\d-\d\d \d\d:\d\d UTC; not read since", flat(report.out))
    assert "the balance was read once: nothing to compare it with yet" in flat(report.out)
    document = project.run("report", "--format", "json").json
    assert errors("report", document) == []
    assert (document["sent_since"], document["balance_seen_at"] is not None) == (bought, True)
    remembered = flat(project.run("plan", "--no-refresh").out)
    assert re.search(
        rf"note: the balance of served is as it was at [\d-]+ [\d:]+ UTC; not read since: {bought} orders sent",
        remembered,
    )
    project.run("status", "--refresh")
    assert "not read since" not in project.run("plan", "--no-refresh").out
    after = project.run("report")
    assert "balance and books agree" in flat(after.out)
    assert "not read since" not in after.out


def test_what_agreed_before_is_said_with_its_moment(project: Project, serve):
    served = serve("--latency", "0.1")
    project.panels(served.url)
    project.campaign([post(1)])
    assert project.run("apply", "--yes").code == 0
    project.campaign([post(number) for number in range(40)])
    code, _, _ = interrupt_while_submitting(project, signal.SIGINT)
    assert code == 130
    out = flat(project.run("report").out)
    assert re.search(r"until \d{4}-\d\d-\d\d \d\d:\d\d UTC: balance and books agree", out)


# What equals what


@pytest.fixture
def doubtful(project: Project, served_sandbox) -> Project:
    """Two of three orders were lost and exist."""
    project.panels(served_sandbox.url, exclusive=True, parallel={"add": 1, "read": 1})
    project.campaign([post(1), post(2, quantity=500), post(3)])
    served_sandbox.fault({"kind": "reset_after", "times": 1})
    assert project.run("apply", "--yes").code == 15
    served_sandbox.fault()
    return project


def test_the_money_of_a_doubt_is_told_once(doubtful: Project, served_sandbox):
    assert doubtful.run("apply", "--yes", *REPORTS).code == 15
    out = flat(doubtful.run("report", *REPORTS).out)
    assert "in doubt 0.09" in out
    assert "unexplained 0.09" in out
    for text in (out, *written(doubtful)):
        assert "spring/post-1, in doubt, would have cost: probably the same money" in text.replace(" , ", ", ")
        assert "other spending" not in text
    document = doubtful.run("report", "--format", "json").json
    assert errors("report", document) == []
    assert (document["in_doubt"], document["unexplained"], document["doubted"]) == ("0.09", "0.09", "0.09")


def test_what_is_more_than_the_doubt_is_told_apart(doubtful: Project, served_sandbox):
    served_sandbox.tell("account", {"deposit": "-0.30"})
    assert doubtful.run("status", "--refresh").code == 15
    out = flat(doubtful.run("report").out)
    assert "0.09 of it may be the same money as in doubt above (spring/post-1); the other 0.30: other spending" in out


def test_what_is_less_than_the_doubt_is_other_money(doubtful: Project, served_sandbox):
    served_sandbox.tell("account", {"deposit": "0.05"})
    assert doubtful.run("status", "--refresh").code == 15
    out = flat(doubtful.run("report").out)
    assert "unexplained 0.04" in out
    assert "gone from the balance and in no book: other spending" in out


def test_an_order_that_was_given_up_and_never_placed_is_no_deposit(project: Project, served_sandbox):
    project.campaign([post(1), post(2, quantity=500)])
    served_sandbox.fault({"kind": "reset_before", "times": 1})
    assert project.run("apply", "--yes").code == 15
    served_sandbox.fault()
    (lost,) = (one["order"] for one in project.run("doubt", "list", "--format", "json").json["doubts"])
    assert project.run("doubt", "abandon", lost, "--reason", "nobody can tell").code == 0
    assert project.run("status", "--refresh").code == 0
    out = flat(project.run("report").out)
    assert f"what {lost}, given up and counted as spent, would have cost: probably never placed" in out
    assert "a deposit" not in out


# A panel that loses its own balance writes


@pytest.fixture
def racing(bare_project: Project, own: OwnPanel) -> Project:
    """A panel that charges every order, and of each two orders sent side by side deducts one."""
    bare_project.panels(own.url)
    lock, known = Lock(), {}

    def lost_write(form):
        with lock:
            known[form["link"]] = len(known)
        if known[form["link"]] % 2:
            own.balance += own.charge(form)  # the other write wins

    own.before_add = lost_write
    bare_project.campaign([post(number) for number in range(8)])
    return bare_project


def test_fewer_deductions_than_charges_are_no_deposit(racing: Project, own: OwnPanel):
    applied = racing.run("apply", "--yes", *REPORTS)
    assert applied.code == 0, applied.err
    assert own.balance == D("1000.00") - D("0.36")
    report = racing.run("report")
    for text in (flat(applied.out), flat(report.out), *written(racing)):
        assert "were charged 0.72, and the balance fell by 0.36 only" in text
        assert "served probably loses balance writes of parallel orders" in text
        assert "add: 1" in text
        assert "came into the balance" not in text
        assert "late refund" not in text
    assert "unexplained -0.36" in flat(report.out)
    racing.campaign([post(number) for number in range(9)])
    assert "warning: 8 orders sent in parallel in run" in flat(racing.run("plan").err)
    racing.panels(own.url, parallel={"add": 1, "read": 1})
    assert "sent in parallel" not in racing.run("plan").err


def test_it_is_not_labelled_as_a_deposit_unless_somebody_insists(racing: Project, own: OwnPanel):
    assert racing.run("apply", "--yes").code == 0
    refused = racing.run("balance", "served", "--label", "top-up", "--yes")
    assert refused.code == 10
    assert "probably loses balance writes of parallel orders" in refused.err
    own.balance += D("50.00")
    refused = racing.run("balance", "served", "--label", "top-up", "--yes")
    assert (refused.code, "label the other 50.00 with --amount 50.00" in refused.err) == (10, True)
    out = flat(racing.run("report").out)
    assert "the other 50.00 came in: a deposit, or a late refund" in out
    labelled = racing.run("balance", "served", "--label", "top-up", "--amount", "50.00", "--yes")
    assert labelled.code == 0, labelled.err
    assert "unexplained -0.36 8 orders sent in parallel" in flat(racing.run("report").out)
    forced = racing.run("balance", "served", "--label", "lost writes", "--yes", "--force")
    assert forced.code == 0, forced.err
    assert "balance and books agree" in racing.run("report").out


@pytest.mark.parametrize("deposit", ["50.00", "0.18"])
def test_a_deposit_after_the_run_is_one(bare_project: Project, own: OwnPanel, deposit: str):
    bare_project.panels(own.url)
    bare_project.campaign([post(number) for number in range(8)])
    assert bare_project.run("apply", "--yes").code == 0
    own.balance += D(deposit)
    assert bare_project.run("status", "--refresh").code == 0
    out = flat(bare_project.run("report").out)
    assert f"unexplained -{deposit} came into the balance and is in no book: a deposit, or a late refund" in out
    assert bare_project.run("balance", "served", "--label", "top-up", "--yes").code == 0


@pytest.mark.parametrize("deposit", ["50.00", "0.05"])
def test_a_deposit_inside_the_run_is_one_too(bare_project: Project, own: OwnPanel, deposit: str):
    """More than the orders cost, or no whole number of them."""
    bare_project.panels(own.url)
    bare_project.campaign([post(number) for number in range(8)])
    once = [D(deposit)]

    def pay_in(_form):
        own.balance += once.pop() if once else 0

    own.before_add = pay_in
    assert bare_project.run("apply", "--yes").code == 0
    out = flat(bare_project.run("report").out)
    assert "came into the balance and is in no book: a deposit" in out
    assert "loses balance writes" not in out


def test_orders_sent_one_after_the_other_race_with_nobody(racing: Project, own: OwnPanel):
    racing.panels(own.url, parallel={"add": 1, "read": 1})
    assert racing.run("apply", "--yes").code == 0
    assert "loses balance writes" not in racing.run("report").out
