"""Reads everything of a campaign but its orders: budget, policy, links, renames."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from runner.core.orders import Budget, Limit, OnChange, OnShort, Policy, RefillPolicy, RefillWhen
from runner.core.values.money import parse_amount
from runner.core.values.text import clean
from runner.files.campaign.links import LinkRules, prefix_problem
from runner.files.syntax.nodes import Node
from runner.files.syntax.scalars import duration, fraction
from runner.files.validation.findings import Findings


def budget(values: Mapping[str, str]) -> Budget:
    """The caps of `budget:`."""
    caps: dict[str, Any] = {name: parse_amount(text) for name, text in values.items() if name != "currency"}
    return Budget(**caps, currency=values.get("currency"))


def policy(values: Mapping[str, Any]) -> Policy:
    """The settings of `policy:`, with the defaults of Policy for what is left out."""
    return Policy(**{name: _POLICY[name](value) for name, value in values.items()})


def _refill(values: Mapping[str, Any]) -> RefillPolicy:
    read = {name: _REFILL[name](value) for name, value in values.items()}
    return RefillPolicy(**{"within" if name == "for" else name: value for name, value in read.items()})


def _limit(value: int | str) -> Limit:
    return Limit(share=fraction(value)) if isinstance(value, str) else Limit(number=value)


_REFILL: Mapping[str, Callable[[Any], Any]] = {
    "when": RefillWhen,
    "every": duration,
    "for": duration,
    "max": int,
    "threshold": fraction,
}
_POLICY: Mapping[str, Callable[[Any], Any]] = {
    "on_change": OnChange,
    "on_partial": OnShort,
    "on_canceled": OnShort,
    "refill": _refill,
    "max_price_increase": fraction,
    "max_new": _limit,
    "max_cancel": _limit,
    "max_reorders": int,
    "stalled_after": duration,
}


def places(root: Node, file: str) -> dict[str, str]:
    """`file:line` of every key of `budget:` and `policy:` that is set, by its path: `budget.total`."""
    return {
        f"{section}.{key.text}": f"{file}:{key.line}"
        for section in ("budget", "policy")
        if (found := root.get(section)) is not None
        for key, _ in found.entries
    }


def link_rules(values: object) -> LinkRules | None:
    """The rules of `links:`; None if something is wrong with them, which `report_prefixes` tells."""
    if not isinstance(values, list) or not values:
        return None
    if not all(isinstance(prefix, str) and prefix_problem(prefix) is None for prefix in values):
        return None
    return LinkRules(values)


def report_prefixes(node: Node, findings: Findings, told: Collection[object] = ()) -> None:
    """Report each entry of `links:` that can't be one, but for those numbered in `told`."""
    for number, item in enumerate(node.items):
        if number not in told and item.is_single and (problem := prefix_problem(item.text)):
            findings.error(item.line, item.column, "link", f"`links` {problem}; found `{clean(item.text, 120)}`")


def moved(node: Node, ids: Collection[str], findings: Findings) -> dict[str, str]:
    """New id -> former id, as `moved:` lists them; wrong entries are reported."""
    former: dict[str, str] = {}
    renamed: set[str] = set()
    entries = [(item.get("from") or item, item.get("to") or item) for item in node.items]  # the schema wants both
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
    for item in node.items:
        text = item.text
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


def _comes_round(start: str, following: Mapping[str, str]) -> bool:
    step, steps = following.get(start), 0
    while step is not None and step != start and steps <= len(following):
        step, steps = following.get(step), steps + 1
    return step == start
