"""The id of an order that names none: readable, and of service and page alone, so that rows may be moved and inserted freely."""

import re
import unicodedata
from collections.abc import Sequence
from hashlib import blake2b
from urllib.parse import unquote

from runner.core.links import page_key

LONGEST = 40  # characters of a derived id
# Of the hash. Where a million links end alike (`…/watch?v=`) the hash alone tells them apart: with 48 bits two of them
# are the same in one of 500 such campaigns, and then it is an error that names both.
_HASH_BYTES = 6
_LONGEST_SLUG = LONGEST - 2 * _HASH_BYTES - 1
_MEMO = 10_000  # services remembered: they repeat, a file of distinct ones must not fill memory
_INDEX = re.compile(r"index\.[a-z]{3,5}", re.IGNORECASE).fullmatch
_SUFFIX = re.compile(r"\.(?:html?|php|aspx?)\Z", re.IGNORECASE)
_OTHERS = re.compile("[^a-z0-9]+")
_OTHERS_IN_LINES = re.compile("[^a-z0-9\\n]+")
_SITE_ALONE = re.compile("://[^/\\n]*\\n").search


def derived_id(service: str, link: str) -> str:
    """`press-kit-ce4b8f01d2a3`: what the page is called, and a hash of service and page; the hash alone if it has no name.

    The same for all spellings of a page. At most `LONGEST` characters, all of them letters of a to z, digits and dashes.
    """
    key = page_key(link)
    return _joined(_slug(key), blake2b(f"{service}\n{key}".encode(), digest_size=_HASH_BYTES).hexdigest())


class DerivedIds:
    """`derived_id` for many orders, in half the time."""

    def __init__(self) -> None:
        self._stems = _Stems()

    def of(self, service: str | None, link: str) -> str:
        """The id of one order."""
        key = page_key(link)
        hasher = self._stems[service].copy()
        hasher.update(key.encode())
        return _joined(_slug(key), hasher.hexdigest())

    def of_keys(self, services: Sequence[str | None], keys: Sequence[str]) -> list[str]:
        """The ids of several, whose links are their own keys."""
        slugs = _quick_slugs(keys) if keys else None
        if slugs is None:
            return list(map(self.of, services, keys))
        ids = []
        stems, whole = map(self._stems.__getitem__, services), "\n".join(keys).encode().split(b"\n")
        for stem, key, slug in zip(stems, whole, slugs, strict=True):
            hasher = stem.copy()  # it knows the service already
            hasher.update(key)
            ids.append(_joined(slug, hasher.hexdigest()))
        return ids


class _Stems(dict[str | None, blake2b]):
    """The hash of each service's part of a derived id."""

    def __missing__(self, service: str | None) -> blake2b:
        stem = blake2b(f"{service}\n".encode(), digest_size=_HASH_BYTES)
        if len(self) < _MEMO:
            self[service] = stem
        return stem


def _joined(slug: str, hashed: str) -> str:
    return f"{slug}-{hashed}" if slug else hashed


def _quick_slugs(keys: Sequence[str]) -> list[str] | None:
    """`_slug` of each, from all names as one text; None if one of them needs a look of its own.

    A look at each name would take longer than its hash.
    """
    lines = "\n".join(keys)
    paths = [key.partition("?")[0] for key in keys] if "?" in lines else keys
    if "/\n" in lines or lines.endswith("/") or "/?" in lines:
        paths = [path.rstrip("/") for path in paths]
        if _SITE_ALONE("\n".join(paths) + "\n"):  # it has no name
            return None
    names = [path.rpartition("/")[2] for path in paths]
    text = "\n".join(names).lower()
    letters = text.replace("\n", "").replace("-", "")
    if "." in letters or "%" in letters or not letters.isascii():
        return None
    if not letters.isalnum() or any(odd in f"\n{text}\n" for odd in ("--", "\n-", "-\n")):
        text = "\n".join([slug.strip("-") for slug in _OTHERS_IN_LINES.sub("-", text).split("\n")])
    slugs = text.split("\n")
    if max(map(len, slugs)) > _LONGEST_SLUG:
        return [slug[:_LONGEST_SLUG].rstrip("-") for slug in slugs]
    return slugs


def _slug(key: str) -> str:
    """The last part of the path that is more than an index page, in lower-case ASCII; empty if nothing of it is left."""
    parts = key.partition("?")[0].split("/")[3:]
    name = unquote(next((part for part in reversed(parts) if part and not _INDEX(part)), ""))
    plain = unicodedata.normalize("NFKD", _SUFFIX.sub("", name)).encode("ascii", "ignore").decode()
    return _OTHERS.sub("-", plain.lower()).strip("-")[:_LONGEST_SLUG].rstrip("-")
