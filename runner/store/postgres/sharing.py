"""SQLAlchemy on a connection of psycopg whose transactions somebody else begins and ends."""

import psycopg
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool


def sharing(driver: psycopg.Connection) -> Connection:
    """Statements of SQLAlchemy in the present transaction of `driver`, which stays the caller's to end and to close.

    Call it outside of a transaction: SQLAlchemy looks at the server first.
    """
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: driver,
        poolclass=StaticPool,
        pool_reset_on_return=None,
        isolation_level="AUTOCOMMIT",
    )
    return engine.connect()
