"""What the simulated panel knows of one order it sold, and what becomes of that with time: delivered, cancelled, paid back."""

from dataclasses import dataclass
from decimal import Decimal

HOUR = 3600.0
DELIVERY = HOUR  # seconds after which an order has ended
CANCELLING = 600.0  # seconds until a request to cancel is carried out, if the order has not ended before
DROPPING = HOUR / 2  # seconds after which a full order loses units
COUNT_AT_START = 100
RATE = Decimal("0.90")

SERVICES = [
    {"service": 1, "name": "F", "refill": True, "cancel": True},
    {"service": 2, "name": "G", "refill": False, "cancel": False},
]


@dataclass(slots=True, kw_only=True)
class Sold:
    """One order in the panel's books."""

    id: str
    service: str
    link: str
    quantity: int
    charge: Decimal  # at the sale
    ends_at: float
    status: str = "Pending"
    remains: int = 0
    refund: Decimal = Decimal(0)
    cancel_at: float | None = None  # when the first request to cancel is carried out
    full_at: float | None = None  # when all units were last there

    @property
    def ended_at(self) -> float:
        """When it ends, or ended."""
        return self.ends_at if self.cancel_at is None else min(self.cancel_at, self.ends_at)

    @property
    def kept(self) -> Decimal:
        """What the panel has taken for it, in the end."""
        return self.charge - self.refund

    def bring_up_to(self, now: float) -> Decimal:
        """Let the time pass; what is paid back by it."""
        if self.status != "Pending":
            return Decimal(0)
        number = int(self.id)
        if self.cancel_at is not None and self.cancel_at <= min(now, self.ends_at):
            # Every second order is under way when it is cancelled: the panel keeps the delivered part.
            return self._end("Canceled", self.quantity) if number % 2 else self._end("Partial", self.quantity * 3 // 4)
        if self.ends_at > now:
            return Decimal(0)
        if number % 4 == 3:
            return self._end("Partial", self.quantity // 2)
        self.full_at = self.ends_at
        return self._end("Completed", 0)

    def _end(self, status: str, remains: int) -> Decimal:
        self.status, self.remains = status, remains
        self.refund = RATE * remains / 1000
        return self.refund

    def count(self, now: float) -> int:
        """The present count of its link: a tenth of what was delivered has dropped some time after it was full."""
        is_dropped = self.full_at is not None and now - self.full_at >= DROPPING
        delivered = self.quantity - self.remains if self.status in {"Completed", "Partial"} else 0
        return COUNT_AT_START + delivered - (self.quantity // 10 if is_dropped else 0)

    def answer(self) -> dict[str, str]:
        """Its status as the panel tells it; the charge is what is kept, and 0 units remain while it is pending."""
        return {
            "charge": str(self.kept),
            "start_count": str(COUNT_AT_START),
            "status": self.status,
            "remains": str(self.remains),
            "currency": "USD",
        }
