"""The orders that everything here is measured with: in memory, as YAML and as CSV."""

from decimal import Decimal
from pathlib import Path

CAMPAIGN = "bench"
PANEL = "sandbox"  # built in: needs no panels.yaml
KEY = "benchmark-key"
SERVICE = "1"
RATE = Decimal("0.90")
QUANTITY = 500
ALLOWED = "https://example.com/our-brand/"
LINK = ALLOWED + "p/{}"

_HEAD = f"""\
version: 1
campaign: {CAMPAIGN}
panel: {PANEL}
links: [{ALLOWED}]
defaults: {{service: {SERVICE}}}
orders:
"""


def write_yaml(folder: Path, orders: int) -> Path:
    """A campaign with one line for each order."""
    path = folder / f"orders-{orders}.yaml"
    with path.open("w", encoding="utf-8") as file:
        file.write(_HEAD)
        file.writelines(f"  - {{link: {LINK.format(n)}, quantity: {QUANTITY}}}\n" for n in range(orders))
    return path


def write_csv(folder: Path, orders: int) -> Path:
    """A campaign whose orders are in a CSV file beside it."""
    rows = folder / f"orders-{orders}.csv"
    with rows.open("w", encoding="utf-8") as file:
        file.write("link,quantity\n")
        file.writelines(f"{LINK.format(n)},{QUANTITY}\n" for n in range(orders))
    path = folder / f"from-csv-{orders}.yaml"
    path.write_text(f"{_HEAD}  - {{from: {rows.name}}}\n", encoding="utf-8")
    return path
