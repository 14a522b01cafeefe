"""Makes text from a panel harmless, once, before it is stored or shown."""

import re

# C0/C1 controls, line separators, bidi controls, zero-width and other invisible characters, lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_SPACE = re.compile(r"[ \t\r\n]+")


def clean(text: str, limit: int = 300) -> str:
    """One printable line of at most `limit` characters; controls and invisible characters become hex escapes."""
    line = _SPACE.sub(" ", text[: limit * 4]).strip()
    line = _UNSAFE.sub(lambda found: f"\\x{ord(found.group()):02x}", line)
    return line if len(line) <= limit else line[: limit - 1] + "…"


class Secret:
    """An API key. Shows itself as `***`; only the transport asks for `reveal()`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself: for the request form and for redaction, nothing else."""
        return self._value

    def redact(self, text: str) -> str:
        """`text` with every occurrence of the key replaced by `***`."""
        return text.replace(self._value, "***") if self._value else text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a key is never pickled")
