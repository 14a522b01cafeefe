"""Explains a failed request in plain words. Pure."""

import errno
import ssl

import aiohttp

SECOND_TIME = "the form is not sent a second time"  # our own connector's words
TOO_LATE = "this program or machine stood still for too long after the record: it was not sent"
_ERRNO = {
    errno.ECONNREFUSED: "nothing answers at the panel's address (connection refused)",
    errno.ECONNRESET: "the connection was reset",
    errno.ECONNABORTED: "the connection was broken off",
    errno.EPIPE: "the connection was closed by the other side",
    errno.EHOSTUNREACH: "the panel's host can't be reached",
    errno.ENETUNREACH: "there is no way to the panel's network",
    errno.ENETDOWN: "the network is down",
    errno.ETIMEDOUT: "the connection timed out",
    errno.EADDRNOTAVAIL: "this machine has no free port for a connection",
    errno.EMFILE: "this process has too many open files",
    errno.ENFILE: "this machine has too many open files",
    errno.EACCES: "a firewall of this machine forbids the connection",
    errno.EPERM: "a firewall of this machine forbids the connection",
}
_CERTIFICATE = {  # OpenSSL's verify codes
    9: "is not valid yet: is this machine's clock right?",
    10: "has expired: is this machine's clock right?",
    18: "is signed by itself",
    19: "is signed by an authority that this machine does not know",
    20: "is signed by an authority that this machine does not know",
    21: "is signed by an authority that this machine does not know",
    23: "was revoked",
    62: "is for another host",
    64: "is for another address",
}


def in_words(error: BaseException, *, has_connected: bool, has_answered: bool) -> str:
    """Why a request failed; how far it got tells what a time-out waited for."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "the panel's host name can't be looked up"
        case aiohttp.ClientConnectorCertificateError():
            return _certificate(error.certificate_error)
        case ssl.SSLCertVerificationError():
            return _certificate(error)
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return "no secure connection could be agreed on (TLS)"
        case TimeoutError():  # aiohttp's time-outs are of this kind too
            if has_answered:
                return "the answer did not end in time"
            return "no answer in time" if has_connected else "no connection in time"
        case aiohttp.ServerDisconnectedError():
            return "the panel closed the connection without an answer"
        case aiohttp.ClientPayloadError():
            return "the answer broke off, or can't be unpacked"
        case aiohttp.ClientResponseError():
            return "the answer is not HTTP as it should be"
        case OSError():
            known = _ERRNO.get(_number(error) or 0)
            return known or ("the connection broke" if has_connected else "no connection could be made")
        case aiohttp.ClientConnectionError() if error.args == (SECOND_TIME,):
            return SECOND_TIME
        case _:
            return "the connection broke" if has_connected else "the request could not be sent"


def _number(error: OSError) -> int | None:
    """The number of the operating system's error, also of one inside another."""
    if error.errno is not None and error.errno > 0:
        return error.errno
    inner = getattr(error, "os_error", None)
    return inner.errno if isinstance(inner, OSError) and inner is not error else None


def _certificate(error: BaseException) -> str:
    why = _CERTIFICATE.get(getattr(error, "verify_code", 0), "can't be trusted")
    return f"the panel's certificate {why}"
