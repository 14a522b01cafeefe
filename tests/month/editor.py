"""A person who edits the campaign files every day, by seed: adds, removes, renames, raises, replaces, protects, prunes."""

import random
from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from tests.month.desire import BRAND, Line, Wanted

QUANTITIES = (100, 150, 200, 300, 500, 1000, 3000, 8000)


def starting_campaigns() -> dict[str, Wanted]:
    """Campaigns of different policies, on panels of different abilities, without orders yet."""
    due = {"when": "due", "every": "24h", "for": "20d", "max": 4}
    drop = {"when": "drop", "every": "30h", "for": "25d", "max": 3, "threshold": "2%"}
    again = {"on_partial": "reorder", "on_canceled": "reorder", "max_reorders": 2}
    return {
        one.name: one
        for one in (
            Wanted(name="followers", panel="north", policy={"on_change": "top_up", "refill": due, **again}),
            Wanted(name="likes", panel="north", policy={"on_change": "keep", "on_partial": "reorder"}),
            Wanted(name="pages", panel="south", policy={"on_change": "replace", "refill": drop}, prune=True),
            Wanted(
                name="views", panel="south", policy={"on_change": "top_up", "refill": {"when": "never"}}, prune=True
            ),
            Wanted(name="steady", panel="north", policy={"on_change": "error", "refill": drop}),
            Wanted(name="dripped", panel="north", policy={"on_change": "top_up", "refill": due}, prune=True),
            Wanted(name="modest", panel="west", policy={"on_change": "replace", "refill": due}, prune=True),
        )
    }


class Editor:
    """Edits campaigns until the month's orders are all listed, and goes on changing them afterwards."""

    def __init__(self, rng: random.Random, campaigns: dict[str, Wanted], orders: int, days: int) -> None:
        self.edits: Counter[str] = Counter()
        self._rng = rng
        self._campaigns = campaigns
        self._left = orders
        self._days = days
        self._number = 0

    def begin(self) -> None:
        """The first files: a third of all orders."""
        self._add(self._left // 3)

    def add(self, day: int) -> None:
        """One day's new orders; all are listed when two thirds of the days are over."""
        share = -(-self._left // max(self._days * 2 // 3 - day, 1))
        self._add(min(share, self._left))

    def edit(self, at_work: Collection[tuple[str, str]]) -> None:
        """Changes of what is there; half of them of orders that the panels are `at_work` on, (campaign, id)."""
        for campaign in self._campaigns.values():
            for edit, usual in (
                (self._remove, 0.25),
                (self._rename, 0.1),
                (self._change, 0.3),
                (self._protect, 0.1),
                (self._unprotect, 0.05),
            ):
                if self._rng.random() < usual and campaign.lines:
                    live = [line for line in campaign.lines.values() if (campaign.name, line.id) in at_work]
                    replaces = edit == self._change and campaign.policy["on_change"] == "replace"
                    busy = 0.9 if replaces or (edit == self._remove and campaign.prune) else 0.5
                    lines = live if live and self._rng.random() < busy else list(campaign.lines.values())
                    edit(campaign, self._rng.choice(lines))
        if self._rng.random() < 0.03:
            campaign = self._rng.choice(list(self._campaigns.values()))
            campaign.prune = not campaign.prune
            self.edits["prune"] += 1

    def _add(self, number: int) -> None:
        for _ in range(number):
            self._left -= 1
            self._number += 1
            campaign = self._rng.choice(list(self._campaigns.values()))
            campaign.list(self._line(campaign.name))
            self.edits["add"] += 1

    def _line(self, campaign: str) -> Line:
        rng, number = self._rng, self._number
        line = Line(
            id=f"o{number}",
            link=f"{BRAND}p/{number}",
            service=rng.choice(
                {"followers": "15", "likes": "36", "pages": "5", "modest": "1", "steady": "15"}.get(campaign, "4")
            ),
            quantity=rng.choice(QUANTITIES),
            protect=rng.random() < 0.08,
        )
        if campaign == "views" and rng.random() < 0.5:
            line = replace(line, runs=rng.randint(2, 6), interval=rng.choice((60, 240, 720)))
        if campaign == "dripped":
            line = replace(line, service=rng.choice("136"), runs=rng.randint(2, 6), drip=True)
            line.interval = rng.choice((120, 600, 1440))
        if line.service == "6":
            line.quantity = min(line.quantity, 1000)
        if campaign == "likes" and rng.random() < 0.1:  # the same page and service twice: the second waits
            line.link = rng.choice([one.link for one in self._campaigns["likes"].lines.values()] or [line.link])
        return line

    def _remove(self, campaign: Wanted, line: Line) -> None:
        campaign.drop(line.id)
        self.edits["remove"] += 1
        if self._rng.random() < 0.2:
            campaign.removed.add(line.id)
            self.edits["removed:"] += 1

    def _rename(self, campaign: Wanted, line: Line) -> None:
        self._number += 1
        told = self._rng.random() < 0.8
        campaign.rename(line.id, f"r{self._number}", told=told)
        self.edits["rename" if told else "rename without moved:"] += 1

    def _change(self, campaign: Wanted, line: Line) -> None:
        """As the campaign's policy takes it; what it would refuse, nobody writes (see `typo`)."""
        policy = campaign.policy["on_change"]
        if policy == "top_up" and line.units * 2 <= 10000:
            if line.drip and self._rng.random() < 0.5:
                campaign.list(replace(line, runs=(line.runs or 1) + 1))
                self.edits["more runs"] += 1
            else:
                campaign.list(replace(line, quantity=line.quantity + self._rng.choice((50, 100, 400))))
                self.edits["raise"] += 1
        elif policy == "replace":
            campaign.list(replace(line, quantity=self._rng.choice([one for one in QUANTITIES if one != line.quantity])))
            campaign.replaced[line.id] = campaign.replaced.get(line.id, 0) + 1
            self.edits["replace"] += 1
        elif policy == "keep":
            campaign.list(replace(line, quantity=line.quantity + 100))
            self.edits["change that is kept"] += 1
        elif self._rng.random() < 0.3:
            campaign.list(replace(line, quantity=line.quantity + 100))
            self.edits["change that is refused"] += 1

    def _protect(self, campaign: Wanted, line: Line) -> None:
        campaign.list(replace(line, protect=True))
        self.edits["protect"] += 1

    def _unprotect(self, campaign: Wanted, line: Line) -> None:
        if line.protect:
            campaign.list(replace(line, protect=False))
            self.edits["unprotect"] += 1
