"""The canonical key of a link by RFC 3986 and IDNA: two links with one key are one page. Pure.

A key is computed for comparing and never stored: what is sent and remembered is the link as it was written.
"""

import re
from functools import lru_cache

_REMEMBERED = 1 << 17  # keys of links that are not their own: a plan asks for each several times

# A link of this form is its own key: lower case up to the path, no port, no dot segment, nothing encoded that need not
# be, no empty query, no fragment. Nearly all links are, and telling so takes a fortieth of the time that yarl takes.
_IN_PATH = "[A-Za-z0-9_~/@:=&+,;!$'()*-]*+"
_IN_QUERY = "[A-Za-z0-9_~/@:=&+,;!$'()*?.-]*+"
_ENCODED = "%(?:20|[89A-F][0-9A-F])"  # a space, and what is not ASCII
_TAIL = (
    rf"/{_IN_PATH}(?:\.[A-Za-z0-9_~-]{_IN_PATH}|{_ENCODED}{_IN_PATH})*+"
    rf"(?:\?(?!\Z){_IN_QUERY}(?:{_ENCODED}{_IN_QUERY})*+)?"
)
is_own_key = re.compile(rf"https?://[a-z0-9_.-]++(?<!\.){_TAIL}").fullmatch
_PLAIN_BEHIND_SITE = re.compile(rf"([A-Za-z]++://[^/?#]++)({_TAIL})").fullmatch


def page_key(link: str) -> str:
    """Return the key that all spellings of one page share: the link in the one form that RFC 3986 and IDNA lead to.

    Scheme and host are lower case, the host in its ASCII form; the scheme's own port, dot segments, an empty query and
    the fragment are gone; an empty path is `/`; percent-encoding is in capitals, and only where the place needs it.
    Total: a text that is no http or https link, or that names a user, is its own key.
    """
    return link if is_own_key(link) else _canonical(link)


def same_page(one: str, other: str) -> bool:
    """True if two links are spellings of one page."""
    return one == other or page_key(one) == page_key(other)


@lru_cache(_REMEMBERED)
def _canonical(link: str) -> str:
    parts = _PLAIN_BEHIND_SITE(link)
    return _canonical_site(parts[1]) + parts[2] if parts else _by_library(link)


@lru_cache
def _canonical_site(site: str) -> str:
    """Return the key of what stands before the path of a link; remembered, as many links are on one site."""
    return _by_library(f"{site}/")[:-1]


def _by_library(link: str) -> str:
    from yarl import URL  # 15 ms: only where a link is written unusually

    if "\\" in link:  # some readers take it for a slash
        return link
    try:
        url = URL(link)
        site, path, query = (url.host_port_subcomponent or "").lower(), url.raw_path, url.raw_query_string
    except (ValueError, IndexError):  # IndexError: yarl, of brackets that hold nothing
        return link
    if url.scheme not in ("http", "https") or not site or url.raw_user is not None or url.raw_password is not None:
        return link
    return f"{url.scheme}://{site}{path}?{query}" if query else f"{url.scheme}://{site}{path}"
