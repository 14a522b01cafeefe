"""Refuses a mark for a page that is being sent or in doubt under another spelling of its link.

The unique index on unsettled sends compares links as texts. Plans are made by page: this is the second line, as the
index is.
"""

import sqlite3
from collections.abc import Iterable

from runner.core.values.links import is_own_key
from runner.store.connection import knowing_pages

_UNSETTLED = "SELECT link FROM attempts WHERE state = 'sending' OR state = 'in_doubt'"
_TWINS = """
    SELECT 1 FROM attempts WHERE state = 'sending' OR state = 'in_doubt'
    GROUP BY panel, service, page_key(link) HAVING count(*) > 1 AND max(id) >= ? LIMIT 1
"""


class PageGuard:
    """Looks at the marks of one writer's connection."""

    def __init__(self, driver: sqlite3.Connection) -> None:
        self._driver = knowing_pages(driver)
        # Where every link is its own key the index says all there is to say, and nothing is asked.
        self._is_needed = not all(is_own_key(link) for (link,) in driver.execute(_UNSETTLED).fetchall())

    def look_at(self, links: Iterable[str], first: int) -> None:
        """Raise what the index raises if one of the marks just inserted, from the id `first` on, is for a page that is held."""
        self._is_needed = self._is_needed or not all(map(is_own_key, links))
        if self._is_needed and self._driver.execute(_TWINS, (first,)).fetchone():
            raise sqlite3.IntegrityError("attempts.link stands there in another spelling")
