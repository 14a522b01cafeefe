"""Refuses a mark for a page that is being sent or in doubt under another spelling of its link.

The unique index on unsettled sends compares links as texts. Plans are made by page: this is the second line, as the
index is.
"""

from collections.abc import Callable, Iterable

from runner.core.values.links import is_own_key, page_key
from runner.store.statements import Rows

_UNSETTLED = "SELECT panel, service, link, id FROM attempts WHERE state = 'sending' OR state = 'in_doubt'"


class PageGuard:
    """Looks at the marks of one writer, in their transaction."""

    def __init__(self, execute: Callable[[str], Rows]) -> None:
        self._execute = execute
        # Where every link is its own key the index says all there is to say, and nothing is asked.
        self._is_needed = not all(is_own_key(link) for _, _, link, _ in execute(_UNSETTLED).fetchall())

    def is_held(self, links: Iterable[str], marked: Iterable[int]) -> bool:
        """True if one of the marks just inserted, by their links and ids, is for a page that another attempt holds."""
        self._is_needed = self._is_needed or not all(map(is_own_key, links))
        if not self._is_needed:
            return False
        holders: dict[tuple[str, str, str], list[int]] = {}
        for panel, service, link, id_ in self._execute(_UNSETTLED).fetchall():
            holders.setdefault((panel, service, page_key(link)), []).append(id_)
        new = frozenset(marked)
        return any(len(ids) > 1 and not new.isdisjoint(ids) for ids in holders.values())
