"""Errors of SQLite and the operating system in plain words. Pure."""

_SAID = (  # a part of the message -> our words
    ("database is locked", "another program holds it"),
    ("database table is locked", "another program holds it"),
    ("database or disk is full", "the disk is full"),
    ("disk i/o error", "the disk can't be read or written"),
    ("readonly database", "it may not be written"),
    ("unable to open", "it can't be opened"),
    ("disk image is malformed", "its pages make no sense"),
    ("malformed database schema", "its tables make no sense"),
    ("not a database", "it is no database"),
    ("out of memory", "there is no memory left"),
    ("no such table", "it is no state of the runner"),
    ("no such column", "it is no state of the runner"),
)


def reason_of(error: BaseException) -> str:
    """Why it failed, in words for a message: no class names, no SQL, no error numbers."""
    inner = getattr(error, "orig", None) or error  # SQLAlchemy wraps what SQLite raised
    if isinstance(inner, OSError):
        return _lower(inner.strerror or "the disk can't be read or written")
    if isinstance(inner, UnicodeDecodeError):
        return "it is no UTF-8 text"
    said = str(inner).strip()
    return next((words for part, words in _SAID if part in said.casefold()), _lower(said) or "nothing says why")


def _lower(said: str) -> str:
    return said[:1].lower() + said[1:]
