"""What breaks on the network is told in plain words: no class names, numbers or addresses of the library."""

import errno
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from runner.panel.transport.failure_words import in_words

KEY = ConnectionKey("panel.example", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)


def expired():
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:1006)")
    error.verify_code = 10
    return error


FAILURES = [
    (aiohttp.ClientConnectorError(KEY, OSError(errno.ECONNREFUSED, "Connect call failed ('::1', 443)")), "refused"),
    (aiohttp.ClientConnectorError(KEY, OSError(errno.ENETUNREACH, "x")), "no way to the panel's network"),
    (
        aiohttp.ClientConnectorError(KEY, OSError("Multiple exceptions: [Errno 111] Connect call failed")),
        "no connection",
    ),
    (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "Name or service not known")), "can't be looked up"),
    (aiohttp.ClientConnectorCertificateError(KEY, expired()), "certificate has expired"),
    (aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError(1, "x")), "can't be trusted"),
    (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]")), "no secure connection"),
    (aiohttp.ConnectionTimeoutError("Connection timeout to host https://panel.example/"), "no answer in time"),
    (TimeoutError(), "no answer in time"),
    (aiohttp.ServerDisconnectedError(), "closed the connection without an answer"),
    (aiohttp.ClientOSError(errno.ECONNRESET, "Connection reset by peer"), "the connection was reset"),
    (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "the connection was reset"),
    (BrokenPipeError(errno.EPIPE, "Broken pipe"), "closed by the other side"),
    (aiohttp.ClientPayloadError("Response payload is not completed: <TransferEncodingError: 400>"), "broke off"),
    (aiohttp.ClientResponseError(None, (), status=400, message="Expected HTTP/"), "not HTTP"),
    (aiohttp.ClientConnectionError("Connector is closed."), "the connection broke"),
    (RuntimeError("Session is closed"), "the connection broke"),
]


@pytest.mark.parametrize(
    ("error", "words"), FAILURES, ids=lambda one: type(one).__name__ if isinstance(one, Exception) else ""
)
def test_every_failure_has_plain_words(error, words):
    told = in_words(error, has_connected=True, has_answered=False)
    before = in_words(error, has_connected=False, has_answered=False)
    assert words in told or words in before
    for said in (told, before):
        assert not any(
            each in said for each in ("Errno", "ssl:", "Error", "call failed", "[", "aiohttp", "panel.example")
        )


def test_a_time_out_says_what_it_waited_for():
    error = TimeoutError()
    assert in_words(error, has_connected=False, has_answered=False) == "no connection in time"
    assert in_words(error, has_connected=True, has_answered=False) == "no answer in time"
    assert in_words(error, has_connected=True, has_answered=True) == "the answer did not end in time"


@pytest.mark.parametrize(
    "kind",
    [
        aiohttp.ClientError,
        aiohttp.ClientConnectionError,
        aiohttp.ClientConnectionResetError,
        aiohttp.ClientOSError,
        aiohttp.ServerConnectionError,
        aiohttp.ServerDisconnectedError,
        aiohttp.ServerTimeoutError,
        aiohttp.SocketTimeoutError,
        aiohttp.ClientPayloadError,
        aiohttp.InvalidURL,
        aiohttp.NonHttpUrlClientError,
        OSError,
        ConnectionError,
        ssl.SSLError,
        ValueError,
        AssertionError,
    ],
)
def test_no_kind_of_error_speaks_in_its_own_words(kind):
    error = kind("LEAK ssl:default [Connect call failed ('127.0.0.1', 1)]")
    assert "LEAK" not in in_words(error, has_connected=True, has_answered=True)
