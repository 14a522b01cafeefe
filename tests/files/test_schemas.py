import json
from decimal import Decimal
from pathlib import Path

import pytest

from runner.files.campaigns import load_campaigns
from runner.files.validation.schemas import sample_path, schema, schema_names, schema_text

RATES = {"1": Decimal("0.90"), "3": Decimal("0.35"), "4": Decimal("0.12"), "5": Decimal("2.40")}
LIMITS = {"1": (50, 10_000), "3": (20, 50_000), "4": (100, 1_000_000), "5": (100, 20_000)}


def test_the_schemas_are_found_by_name():
    assert {"campaign", "panels"} <= set(schema_names())
    assert schema_names() == sorted(schema_names())
    assert json.loads(schema_text("campaign")) == schema("campaign")
    with pytest.raises(KeyError):
        schema_text("../campaign")
    with pytest.raises(KeyError):
        schema_text("none")


def test_samples_are_found_by_name_only():
    assert sample_path("demo.yaml").read_bytes().startswith(b"# yaml-language-server: $schema=../schemas/campaign")
    for name in ("none.yaml", "../schemas/campaign.schema.json", ""):
        with pytest.raises(KeyError):
            sample_path(name)


def test_the_sample_campaign_is_a_rehearsal_of_a_few_hundred_orders():
    loaded = load_campaigns([Path(str(sample_path("demo.yaml")))])
    assert loaded.diagnostics == ()
    (campaign,) = loaded.campaigns
    assert (campaign.name, campaign.panel) == ("demo", "sandbox")
    assert len(campaign.orders) >= 230
    assert sum(order.source.endswith("posts.csv") for order in campaign.orders) == 220
    inline_drips = [o for o in campaign.orders if o.runs and o.source.endswith("demo.yaml")]
    assert len(inline_drips) == 2
    assert all(order.service == "4" for order in campaign.orders if order.runs)
    cost = sum(RATES[order.service] * order.units / 1000 for order in campaign.orders)
    assert 60 <= cost <= 150
    for order in campaign.orders:
        low, high = LIMITS[order.service]
        assert low <= order.quantity <= order.units <= high


def test_the_schema_describes_the_sample_and_the_documented_example():
    # The document as an editor's validator sees it.
    from runner.files.validation.gate import gate

    assert not gate("campaign").errors(
        {
            "version": 1,
            "campaign": "spring-launch",
            "panel": "sandbox",
            "links": ["https://example.com/our-brand/"],
            "budget": {"total": "250.00", "per_run": "60.00", "keep_balance": "20.00"},
            "policy": {
                "on_change": "error",
                "on_partial": "accept",
                "on_canceled": "accept",
                "refill": {"when": "due", "every": "24h", "for": "30d", "max": 5},
                "max_price_increase": "0%",
            },
            "defaults": {"service": 1},
            "orders": [
                {
                    "id": "teaser",
                    "link": "https://example.com/our-brand/p/1",
                    "quantity": 1000,
                    "runs": 5,
                    "interval": 60,
                },
                {"link": "https://example.com/our-brand/p/2", "quantity": 500},
                {"from": "posts.csv", "service": 2, "quantity": 300},
            ],
            "moved": [{"from": "teaser", "to": "teaser-a"}],
            "removed": ["old-test"],
        }
    )
