"""Derives the id of an order without one from service and page, so that rows may be moved and inserted freely."""

import re
import unicodedata
from collections.abc import Sequence
from hashlib import blake2b
from urllib.parse import unquote

from runner.core.values.links import page_key
from runner.core.values.remembered import Remembered

LONGEST = 40  # characters of a derived id
# Of the hash. Where a million links end alike (`…/watch?v=`) the hash alone tells them apart: with 48 bits two of them
# are the same in one of 500 such campaigns, and then it is an error that names both.
_HASH_BYTES = 6
_LONGEST_SLUG = LONGEST - 2 * _HASH_BYTES - 1
_INDEX = re.compile(r"index\.[a-z]{3,5}", re.IGNORECASE).fullmatch
_SUFFIX = re.compile(r"\.(?:html?|php|aspx?)\Z", re.IGNORECASE)
_OTHERS = re.compile("[^a-z0-9]+")
# The name of each page, in lines of lower case without queries; names with dots, which may be index pages, are left out.
_NAMES = re.compile(r"^[^\n]*/([a-z0-9_~-]+)\n", re.MULTILINE).findall
_QUERY = re.compile(r"\?[^\n]*").sub
_SITE_ALONE = re.compile(r"://[^/\n]*\n").search  # it has no name


def derived_id(service: str, link: str) -> str:
    """`press-kit-ce4b8f01d2a3`: what the page is called, and a hash of service and page; the hash alone if it has no name.

    The same for all spellings of a page. At most `LONGEST` characters, all of them letters of a to z, digits and
    dashes.
    """
    key = page_key(link)
    slug, hasher = _slug(key), _STEMS[service].copy()
    hasher.update(key.encode())
    return f"{slug}-{hasher.hexdigest()}" if slug else hasher.hexdigest()


def derived_ids(services: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Return the `derived_id` of each of several orders whose links are their own keys, in half the time."""
    lines = "\n".join(keys) + "\n"
    slugs = _quick_slugs(lines, len(keys)) if keys else None
    if slugs is None:
        return list(map(derived_id, services, keys))
    ids = []
    for stem, key, slug in zip(map(_STEMS.__getitem__, services), lines.encode().split(b"\n"), slugs, strict=False):
        hasher = stem.copy()  # it knows the service already
        hasher.update(key)
        ids.append(f"{slug}-{hasher.hexdigest()}")
    return ids


def _stem(service: str) -> blake2b:
    """The hash of a service's part of a derived id."""
    return blake2b(f"{service}\n".encode(), digest_size=_HASH_BYTES)


_STEMS = Remembered(_stem)


def _quick_slugs(lines: str, number: int) -> list[str] | None:
    """`_slug` of each of `number` keys, one a line; None if a key has no name, or one that this can't derive.

    One search over all of the text: a search for each key would take as long as its hash.
    """
    lines = lines.lower()
    names = [] if "?" in lines else _NAMES(lines)
    if len(names) != number:
        lines = _QUERY("", lines).replace("/\n", "\n")
        names = _NAMES(lines)
        if len(names) != number or _SITE_ALONE(lines):
            return None
    text = "\n".join(names)
    if "_" not in text and "~" not in text and len(max(names, key=len)) <= _LONGEST_SLUG:
        edges = f"\n{text}\n"
        if "--" not in text and "\n-" not in edges and "-\n" not in edges:
            return names
    slugs = [_cut(name) for name in names]
    return slugs if all(slugs) else None


def _slug(key: str) -> str:
    """The last part of the path that is more than an index page, in lower-case ASCII; empty if nothing of it is left."""
    parts = key.partition("?")[0].split("/")[3:]
    name = unquote(next((part for part in reversed(parts) if part and not _INDEX(part)), ""))
    plain = unicodedata.normalize("NFKD", _SUFFIX.sub("", name)).encode("ascii", "ignore").decode()
    return _cut(plain.lower())


def _cut(name: str) -> str:
    return _OTHERS.sub("-", name).strip("-")[:_LONGEST_SLUG].rstrip("-")
