"""Addresses of shared states: no password in them, a project always."""

import sys

import pytest

from runner.core.errors import InvalidInput
from runner.store.postgres.address import is_address, parse


def test_the_project_becomes_a_schema_and_the_rest_goes_to_libpq():
    address = parse("postgresql://ci@db.example:5433/orders?project=shop&sslmode=require")
    assert address.conninfo == "postgresql://ci@db.example:5433/orders?sslmode=require"
    assert address.schema == "shop"
    assert address.shown == "postgresql://ci@db.example:5433/orders?project=shop"


@pytest.mark.parametrize(
    "url", ["postgresql://ci:secret@db/orders?project=shop", "postgres://db/x?project=a&password=secret"]
)
def test_a_password_is_refused_and_not_shown(url):
    with pytest.raises(InvalidInput, match="holds a password") as refusal:
        parse(url)
    assert "secret" not in f"{refusal.value} {refusal.value.hint}"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?project=",
        "?project=Shop",
        "?project=a-b",
        "?project=pg_x",
        "?project=a&project=b",
        '?project=x"; drop schema y',
        "?project=bulk_order_runner",
    ],
)
def test_a_project_is_one_plain_name(query):
    with pytest.raises(InvalidInput, match="project"):
        parse(f"postgresql://db/orders{query}")


def test_files_are_no_addresses():
    assert is_address("postgresql://db/x")
    assert is_address("postgres://db/x")
    assert not is_address("state/runner.db")


def test_without_the_extra_the_command_says_how_to_get_it(bare_project, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    ran = bare_project.run("status", "--state", "postgresql://db/orders?project=shop")
    assert ran.code == 64
    assert "needs the extra `postgres`" in ran.err
    assert "pip install 'bulk-order-runner[postgres]'" in ran.err


def test_a_password_on_the_command_line_is_refused_before_anything_is_done(bare_project):
    ran = bare_project.run("status", "--state", "postgresql://ci:secret@db/orders?project=shop")
    assert ran.code == 10
    assert "secret" not in ran.out + ran.err
    assert "PGPASSWORD" in ran.err
