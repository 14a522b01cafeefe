"""Tells of new orders for a page that was probably bought under another spelling of its link. Pure."""

from collections.abc import Iterator, Sequence

from runner.core.attempts import Attempt
from runner.core.values.links import page_key
from runner.core.values.similar_links import difference, loose_key
from runner.planning.phrases import named, orders_are
from runner.planning.plan import ActionKind, Actions


def respelled(actions: Actions, gone: Sequence[Attempt]) -> Iterator[str]:
    """A note for each campaign that is about to buy such orders; `gone` are purchases that the files list no longer.

    Where both are listed, reading the files tells it. Linear, and nothing at all where nothing vanished.
    """
    if not gone or not actions.counts()[ActionKind.PLACE]:
        return
    formers = {(one.panel, one.service, loose_key(page_key(one.link))): one for one in gone}
    found: dict[str, list[str]] = {}
    for action in actions.of_kind(ActionKind.PLACE):
        order = action.order
        key = page_key(order.link)
        former = formers.get((action.panel, order.service, loose_key(key)))
        if former is not None and (other := page_key(former.link)) != key:
            words = difference(other, key)
            found.setdefault(order.campaign, []).append(f"{order.address} is {former.address} but for {words}")
    for campaign, several in found.items():
        yield (
            f"{campaign}: {orders_are(len(several))} new, and probably for a page that was bought and is no longer listed: "
            f"{named(several)}; if it is the same order, write its link as it was, else it is bought as well"
        )
