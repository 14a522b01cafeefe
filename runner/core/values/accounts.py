"""The name of an account at a panel."""

import hashlib

from runner.core.values.links import page_key


def account_of(url: str, key: str) -> str:
    """The address with a fingerprint of the key, the same for all spellings of the URL: no key can be had from it."""
    page = page_key(url).rstrip("/")
    fingerprint = hashlib.scrypt(key.encode(), salt=page.encode(), n=2**12, r=8, p=1, dklen=12).hex()
    return f"{page.partition('?')[0]}#{fingerprint}"
