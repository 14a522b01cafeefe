"""Real applies on a panel, killed in the middle, and their files damaged: no link is bought twice, and none lost unseen."""

import random
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from tests.acceptance.project import Project, post
from tests.acceptance.served import Served
from tests.damage.kinds import AFTER_A_KILL, Files, Kind, harm
from tests.damage.store_loop import Broken, Tally

BATCH = 80  # new orders for each kill
PARALLEL = 8  # adds in flight: the most doubts that one kill may leave
LATENCY = 0.02  # seconds of each answer


class ApplyLoop:
    """One project that is killed over and over; what lies beside it is the panel's own book."""

    def __init__(self, project: Project, served: Served, home: Path, seed: int) -> None:
        """`home` is what XDG_STATE_HOME names."""
        self.tally = Tally()
        self._project = project
        self._served = served
        self._state = project.state.parent
        self._marks = home / "bulk-order-runner" / "high-water"
        self._left = project.root.with_name("left")
        self._older: list[Path] = []
        self._rng = random.Random(seed)
        self._orders: list[Mapping[str, object]] = []

    def kill_once(self, most: int = len(AFTER_A_KILL)) -> None:
        """One more apply, killed at a random moment of its buying; then kinds of damage until one is taken up.

        Each that is refused is undone, and the next one is tried: `most` of them, chosen at random.
        """
        self._buy_and_kill()
        self._remember()
        kinds = self._rng.sample(AFTER_A_KILL, most)
        for kind in kinds:
            harm(self._files(), self._rng, kind)
            if self._went_on(kind):
                break
            self._undo()
        self._expect_nothing_twice("undone")
        ran = self._project.run("apply", "--yes", "-q")
        if ran.code not in (0, 15):
            raise Broken(f"undone, and still refused: {ran.err}")
        self._expect_all_known()

    def _buy_and_kill(self) -> None:
        self.tally.kills += 1
        first = len(self._orders)
        self._orders += [post(number) for number in range(first, first + BATCH)]
        self._project.campaign(self._orders)
        running = self._project.start("apply", "--yes", "--format", "jsonl", "-q")
        if running.stdout is None:
            raise AssertionError("no pipe")
        while '"marked"' not in (line := running.stdout.readline()):
            if not line:
                raise Broken(f"the run ended without an order: {running.communicate()[1]}")
        whole = BATCH / PARALLEL * LATENCY
        time.sleep(self._rng.uniform(0, whole))
        self._keep_a_copy()
        time.sleep(self._rng.uniform(0, whole))
        running.kill()
        running.communicate()

    def _keep_a_copy(self) -> None:
        copy = self._project.root.with_name(f"older-{self.tally.kills}")
        shutil.copytree(self._state, copy)
        self._older.append(copy)
        while len(self._older) > 2:
            shutil.rmtree(self._older.pop(0))

    def _remember(self) -> None:
        shutil.rmtree(self._left, ignore_errors=True)
        shutil.copytree(self._state, self._left / "state")
        shutil.copytree(self._marks, self._left / "marks")

    def _undo(self) -> None:
        for place, kept in ((self._state, "state"), (self._marks, "marks")):
            shutil.rmtree(place)
            shutil.copytree(self._left / kept, place)

    def _files(self) -> Files:
        return Files(state=self._state, marks=self._marks, older=tuple(self._older))

    def _went_on(self, kind: Kind) -> bool:
        """True if an apply took the state up; False if it refused, and sent nothing."""
        self.tally.trials[kind.name] += 1
        before = self._served.requests()["add"]
        ran = self._project.run("apply", "--yes", "-q")
        self._expect_nothing_twice(kind.name)
        if ran.code in (0, 15):
            self._expect_all_known()
            return True
        if ran.code != 12 or self._served.requests()["add"] != before:
            raise Broken(f"{kind.name}: ended with {ran.code}: {ran.err}")
        if kind.is_harmless:
            raise Broken(f"{kind.name}: nothing was lost, and it was refused: {ran.err}")
        self.tally.refused[kind.name] += 1
        return False

    def _expect_nothing_twice(self, name: str) -> None:
        if twice := [link for link, count in self._served.links().items() if count > 1]:
            raise Broken(f"{name}: {len(twice)} links were bought twice")

    def _expect_all_known(self) -> None:
        listed = self._project.run("state", "list", "--format", "json").json["attempts"]
        linked = {one["panel_order_id"] for one in listed if one["panel_order_id"]}
        doubted = {one["link"] for one in listed if one["state"] == "in_doubt"}
        for order in self._served.orders():
            if str(order["order"]) not in linked and order["link"] not in doubted:
                raise Broken(f"order {order['order']} is on the panel and not in the state")
        if len(doubted) > self.tally.kills * PARALLEL:
            raise Broken(f"{len(doubted)} orders are in doubt after {self.tally.kills} kills")
