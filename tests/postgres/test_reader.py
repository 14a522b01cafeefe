"""What a shared state remembers is read as SQLite's is."""

from decimal import Decimal

from runner.core.attempts import LiveStatus, Outcome, OutcomeKind, RefusalReason, StatusSeen
from runner.core.catalogue import Balance, BalanceLabel, BalanceSeen, Catalogue, Repeated, Service
from runner.core.doubts import Decision
from runner.core.operations import (
    Abandon,
    AskRefills,
    CountStatusCalls,
    EndRun,
    LabelBalance,
    NoteLacking,
    Operation,
    Protect,
    SeeBalance,
    SeeCancels,
    SeeCatalogue,
    SeeStatuses,
)
from runner.core.refills import CancelRequest, CancelState
from runner.store.integrity.lineage import Lineage
from runner.store.postgres.address import parse
from runner.store.postgres.reader import looking_at
from runner.store.read.snapshot import read_state, recorded_in
from tests.postgres.opened import writing
from tests.store.making import IN_DOUBT, NOW, a_mark, a_settle, placed

DUPLICATE = Outcome(OutcomeKind.REFUSED, message="active order with this link", reason=RefusalReason.DUPLICATE)


def a_life(ids: list[int]) -> list[Operation]:
    """Something of everything that a state remembers, about three attempts."""
    one, two, three = ids
    service = Service("b", "Likes", "default", "any", Decimal("0.90"), 10, 10**30, True, None, False)
    decision = Decision("nobody knows", "me", "here", NOW, False)
    return [
        a_settle(one, placed("p1")),
        a_settle(two, IN_DOUBT),
        Abandon(two, decision),
        a_mark(4, link="https://EXAMPLE.com:443/our-brand/p/2"),
        a_settle(three, placed("p3")),
        SeeCatalogue(
            Catalogue(
                panel="sandbox",
                services={"b": service, "a": service._replace(id="a")},
                fetched_at=NOW,
                repeated={"b": Repeated("b", 2, (Decimal("0.90"), Decimal(1)), ("min",))},
            )
        ),
        SeeCatalogue(Catalogue(panel="sandbox", services={"b": service._replace(rate=Decimal(2))}, fetched_at=NOW)),
        SeeStatuses([StatusSeen(one, LiveStatus.PARTIAL, "Partial", Decimal("0.4"), 5, 600, None, NOW)]),
        SeeBalance(BalanceSeen(panel="sandbox", balance=Balance(amount=Decimal("9.5"), currency=None), seen_at=NOW)),
        SeeBalance(BalanceSeen(panel="sandbox", balance=Balance(amount=Decimal(9), currency="USD"), seen_at=NOW)),
        SeeBalance(BalanceSeen(panel="sandbox", balance=Balance(amount=Decimal(8), currency="EUR"), seen_at=NOW)),
        LabelBalance(BalanceLabel("sandbox", "top-up", Decimal(5), "USD", 2, NOW, "me", "here", NOW)),
        AskRefills([one], NOW),
        SeeCancels([CancelRequest(three, NOW, CancelState.RECORDED, "")]),
        Protect([("spring", "order-1")], NOW),
        NoteLacking("sandbox", ["refill"], NOW),
        CountStatusCalls("sandbox", NOW.date(), 2),
        EndRun("run-1", 0, NOW),
    ]


async def test_both_databases_remember_the_same(cluster, project, clock, spill, writer, paths):
    url = cluster.url(project)
    async with writing(url, clock, spill) as shared:
        for one in (shared, writer):
            ids = [one.commit([a_mark(n)])[0] for n in (1, 2, 3)]
            for operation in a_life(ids):
                assert not isinstance(one.commit([operation])[0], Exception), operation
    writer.close()
    expected = read_state(paths)
    with looking_at(parse(url)) as connection:
        found = recorded_in(connection, Lineage(expected.lineage, expected.serial))
    for name in type(expected).__dataclass_fields__:
        assert getattr(found, name) == getattr(expected, name), name
