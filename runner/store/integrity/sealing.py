"""The seal of a database file: a digest after a clean end, which one wrong bit changes."""

import hashlib

from runner.store.disk.paths import StatePaths

_DIGITS = 32  # of SHA-256, as hexadecimal digits
_HEADER = 100  # bytes of the file's header
# What SQLite writes there for itself when the file is opened, copied or put into another journal mode: the mode, two
# counts of changes, the version that made the last one. https://www.sqlite.org/fileformat2.html#the_database_header
_OWN = (slice(18, 20), slice(24, 28), slice(40, 44), slice(92, 100))


def seal_of(paths: StatePaths) -> str:
    """The digest of the database file; raises OSError if it can't be read. Only true while no log lies beside it."""
    digest = hashlib.sha256()
    with paths.db.open("rb") as file:
        header = bytearray(file.read(_HEADER))
        for part in _OWN:
            header[part] = bytes(part.stop - part.start)
        digest.update(header)
        return hashlib.file_digest(file, lambda: digest).hexdigest()[:_DIGITS]
