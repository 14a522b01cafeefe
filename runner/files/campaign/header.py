"""Reads everything of a campaign but its orders: budget, policy, links, renames."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from runner.core.orders import Budget, Limit, OnChange, OnShort, Policy, RefillPolicy, RefillWhen
from runner.core.values.money import parse_amount
from runner.core.values.text import clean
from runner.files.campaign.links import LinkRules, prefix_problem
from runner.files.syntax import nodes
from runner.files.syntax.nodes import Node
from runner.files.syntax.scalars import duration, fraction
from runner.files.validation.findings import Findings


def budget(values: Mapping[str, str]) -> Budget:
    """The caps of `budget:`."""

    def amount(name: str) -> Decimal | None:
        return parse_amount(values[name]) if name in values else None

    return Budget(
        total=amount("total"),
        per_run=amount("per_run"),
        per_day=amount("per_day"),
        keep_balance=amount("keep_balance"),
        currency=values.get("currency"),
    )


def policy(values: Mapping[str, Any]) -> Policy:
    """The settings of `policy:`, with the defaults of Policy for what is left out."""
    usual = Policy()
    return Policy(
        on_change=OnChange(values.get("on_change", usual.on_change)),
        on_partial=OnShort(values.get("on_partial", usual.on_partial)),
        on_canceled=OnShort(values.get("on_canceled", usual.on_canceled)),
        refill=_refill(values.get("refill", {}), usual.refill),
        max_price_increase=fraction(values.get("max_price_increase", "0%")),
        max_new=_limit(values["max_new"]) if "max_new" in values else usual.max_new,
        max_cancel=_limit(values["max_cancel"]) if "max_cancel" in values else usual.max_cancel,
        max_reorders=values.get("max_reorders", usual.max_reorders),
        stalled_after=duration(values["stalled_after"]) if "stalled_after" in values else usual.stalled_after,
    )


def _limit(value: int | str) -> Limit:
    return Limit(share=fraction(value)) if isinstance(value, str) else Limit(number=value)


def places(root: nodes.Mapping, file: str) -> dict[str, str]:
    """`file:line` of every key of `budget:` and `policy:` that is set, by its path: `budget.total`."""
    return {
        f"{section}.{key.text}": f"{file}:{key.line}"
        for section in ("budget", "policy")
        if (found := root.find(section)) and isinstance(found[1], nodes.Mapping)
        for key, _ in found[1]
    }


def _refill(values: Mapping[str, Any], usual: RefillPolicy) -> RefillPolicy:
    return RefillPolicy(
        when=RefillWhen(values.get("when", usual.when)),
        every=duration(values["every"]) if "every" in values else usual.every,
        within=duration(values["for"]) if "for" in values else usual.within,
        max=values.get("max", usual.max),
        threshold=fraction(values["threshold"]) if "threshold" in values else usual.threshold,
    )


def link_rules(values: object) -> LinkRules | None:
    """The rules of `links:`; None if something is wrong with them, which `report_prefixes` tells."""
    if not isinstance(values, list) or not values:
        return None
    if not all(isinstance(prefix, str) and prefix_problem(prefix) is None for prefix in values):
        return None
    return LinkRules(values)


def report_prefixes(node: Node, findings: Findings, told: Collection[object] = ()) -> None:
    """Report each entry of `links:` that can't be one, but for those numbered in `told`."""
    for number, item in enumerate(node.items if isinstance(node, nodes.Sequence) else []):
        if number not in told and isinstance(item, nodes.Scalar) and (problem := prefix_problem(item.text)):
            findings.error(item.line, item.column, "link", f"`links` {problem}; found `{clean(item.text, 120)}`")


def moved(node: Node, ids: Collection[str], findings: Findings) -> dict[str, str]:
    """New id -> former id, as `moved:` lists them; wrong entries are reported."""
    former: dict[str, str] = {}
    renamed: set[str] = set()
    entries = [_ends(item) for item in node.items] if isinstance(node, nodes.Sequence) else []
    for source, target in entries:
        if source.text in ids:
            message = (
                f"`moved.from` {source.text} is still an order of this file: remove this entry, or rename the order"
            )
            findings.error(source.line, source.column, "moved", message)
        elif source.text in renamed:
            message = f"`moved.from` {source.text} stands here twice: keep one, an order becomes one order"
            findings.error(source.line, source.column, "moved", message)
        if target.text in former:
            message = f"`moved.to` {target.text} stands here twice: keep one, two orders can't become one"
            findings.error(target.line, target.column, "moved", message)
        renamed.add(source.text)
        former.setdefault(target.text, source.text)
    following = {source.text: target.text for source, target in entries}
    for _, target in entries:
        if target.text not in ids and target.text not in following:
            message = f"`moved.to` {target.text} is no order of this file: name the id that the order has now"
            findings.error(target.line, target.column, "moved", message)
        elif _comes_round(target.text, following):
            message = f"`moved` leads from {target.text} back to itself: remove an entry"
            findings.error(target.line, target.column, "moved", message)
    return former


def removed(node: Node, ids: Collection[str], renamed: Mapping[str, str], findings: Findings) -> frozenset[str]:
    """The ids of `removed:`; `renamed` is what `moved` gave. Wrong entries are reported."""
    found: set[str] = set()
    ends = {*renamed, *renamed.values()}
    for item in node.items if isinstance(node, nodes.Sequence) else []:
        text = item.text if isinstance(item, nodes.Scalar) else ""
        problem = None
        if text in ids:
            problem = "is still an order of this file: remove the order, or this entry"
        elif text in ends:
            problem = "stands under `moved` too: keep one of the two"
        elif text in found:
            problem = "stands here twice: keep one"
        if problem:
            findings.error(item.line, item.column, "removed", f"`removed` {text} {problem}")
        found.add(text)
    return frozenset(found)


def _ends(item: Node) -> tuple[nodes.Scalar, nodes.Scalar]:
    ends = [item.find(name) for name in ("from", "to")] if isinstance(item, nodes.Mapping) else []
    source, target = (entry[1] for entry in ends if entry)
    if not (isinstance(source, nodes.Scalar) and isinstance(target, nodes.Scalar)):
        raise TypeError("the schema lets no such entry through")
    return source, target


def _comes_round(start: str, following: Mapping[str, str]) -> bool:
    step, steps = following.get(start), 0
    while step is not None and step != start and steps <= len(following):
        step, steps = following.get(step), steps + 1
    return step == start
