"""Links that are probably one page, though only the site could tell. Pure; used for warnings alone.

Takes keys (`links.page_key`): spellings that are one page for certain are equal there already.
"""

import re
from functools import lru_cache

# The page for a small screen, and the one with the site's usual first label.
_LABELS = re.compile(r"(?:www\.|m\.|mobile\.)+(?=[^/]*\.)").match
_INDEX = re.compile(r"(?:^|(?<=/))index\.(?:html?|php)\Z", re.IGNORECASE)  # what a folder shows anyway
_ENDS_OF_INDEX = frozenset("lmpLMP")
# Tells where a visitor comes from and not what he sees: campaign tags (utm_…), click ids of advertisers (fbclid, gclid,
# msclkid), share buttons of Instagram (igsh, igshid), Facebook (mibextid), and YouTube and Spotify (si).
_TRACKING = re.compile(
    r"(?:utm_\w+|fbclid|gclid|msclkid|igsh|igshid|mibextid|si)(?:=|\Z)", re.IGNORECASE | re.ASCII
).match
_BEFORE_QUERY = re.compile(r"[?&](?:utm_|fbclid|gclid|msclkid|igsh|mibextid|si\b)", re.IGNORECASE)


def loose_key(key: str) -> str:
    """Return a key that is equal for links which are probably one page.

    It lacks the scheme, `www.`, `m.` and `mobile.`, slashes and an index page at the end of the path, and parameters
    that only track; the other parameters are sorted, and a `+` in them is a space.
    """
    site, path, query = _parts(key)
    if query:
        query = "&".join(sorted(one for one in query.replace("+", "%20").split("&") if one and not _TRACKING(one)))
    if path[-1:] in _ENDS_OF_INDEX:
        path = _INDEX.sub("", path)
    return f"{loose_site(site)}/{path.rstrip('/')}?{query}"


@lru_cache
def loose_site(site: str) -> str:
    """Return such a key for a host with its port."""
    labels = _LABELS(site)
    return site[labels.end() :] if labels else site


def site_of(key: str) -> str:
    """Host and port of a key."""
    return _parts(key)[0]


def difference(one: str, other: str) -> str:
    """Say how two keys with one `loose_key` differ: `www. and the slash at the end`."""
    told = []
    if one.partition(":")[0] != other.partition(":")[0]:
        told.append("http and https")
    (site, path, query), (other_site, other_path, other_query) = _parts(one), _parts(other)
    if site != other_site:
        told += [f"`{site[: -len(loose_site(site))] or other_site[: -len(loose_site(other_site))]}`"]
    if path != other_path:
        bare, other_bare = _INDEX.sub("", path), _INDEX.sub("", other_path)
        told += ["the index page"] if (bare == path) is not (other_bare == other_path) else []
        told += ["the slash at the end"] if bare.endswith("/") is not other_bare.endswith("/") else []
    if query != other_query:
        names = {part.partition("=")[0] for part in {*query.split("&")} ^ {*other_query.split("&")} if _TRACKING(part)}
        told += [f"`{name}`" for name in sorted(names)] or ["how its parameters are written"]
    return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told) or "its spelling"


def may_track(text: str) -> bool:
    """True if a text of many links may hold a parameter that only tracks."""
    return _BEFORE_QUERY.search(text) is not None


def _parts(key: str) -> tuple[str, str, str]:
    """Site, path without its first slash, query."""
    site, _, rest = key.partition("://")[2].partition("/")
    path, _, query = rest.partition("?")
    return site, path, query
