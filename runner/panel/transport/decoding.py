"""Decodes the bytes of an answer, at once or in pieces, by charsets known to be harmless. Never fails."""

import codecs
import re
from functools import lru_cache

# Python knows a hundred codecs by name, and an answer may name any: some of them need the square of the length
# (punycode: 4 MB take hours), some are no charsets (rot13). These take time in proportion, and hold JSON's own
# characters where ASCII has them.
_KNOWN = {
    **dict.fromkeys(("utf8", "ascii", "usascii"), "utf-8"),
    **dict.fromkeys(("iso88591", "latin1", "windows1252", "cp1252"), "cp1252"),  # as browsers read all of them
    **{f"iso8859{part}": f"iso8859-{part}" for part in (*range(2, 12), *range(13, 17))},
    **{f"{name}{page}": f"cp{page}" for name in ("windows", "cp") for page in (1250, 1251, *range(1253, 1259))},
    **{name: name for name in ("gbk", "gb18030", "big5")},
    "gb2312": "gbk",
    "shiftjis": "shift_jis",
    "sjis": "shift_jis",
    "koi8r": "koi8_r",
    "koi8u": "koi8_u",
    "eucjp": "euc_jp",
    "euckr": "euc_kr",
}
_DRESS = re.compile(r"[^0-9a-z]+")
_LONGEST = 40  # characters of a charset's name


@lru_cache(maxsize=64)
def codec_of(charset: str | None) -> str:
    """The codec of a charset if that is known to be harmless, else UTF-8."""
    name = _DRESS.sub("", charset.lower()) if charset and len(charset) <= _LONGEST else ""
    return _KNOWN.get(name, "utf-8")


def decoder_for(charset: str | None) -> codecs.IncrementalDecoder:
    """What turns the pieces of an answer into text; bytes that mean nothing become U+FFFD."""
    return codecs.getincrementaldecoder(codec_of(charset))(errors="replace")
