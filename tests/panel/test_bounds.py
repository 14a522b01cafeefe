"""However much a panel sends, in whatever dress: bounded in bytes, in time and in memory, and then no answer."""

import asyncio
import gzip
import time
import tracemalloc
import zlib

import pytest

from runner.core.attempts import OutcomeKind, Phase
from runner.panel.exchange import Answer, TransportFailure
from runner.panel.transport.decoding import codec_of, decoder_for
from runner.panel.transport.http import LARGE, SMALL
from tests.panel.conftest import proof

MIB = 2**20


@pytest.fixture
async def flood():
    """Starts a server that says `head`, then `piece` for as long as anybody listens, one every `pause` seconds."""
    servers = []

    async def start(head: bytes, piece: bytes, pause: float = 0.0):
        async def talk(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            try:
                writer.write(head)
                while True:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(pause)
            except ConnectionError:
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"

    yield start
    for server in servers:
        server.close()


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_a_body_of_chunks_that_never_ends_is_cut_at_the_cap(flood, send):
    url = await flood(HEAD, b"1000\r\n" + b"x" * 4096 + b"\r\n")
    answer = await send(url)
    assert (answer.complete, proof(answer)) == (False, OutcomeKind.IN_DOUBT)
    assert SMALL < answer.size < 2 * SMALL
    assert len(answer.text) < 10_000, "of an answer that is no whole one only the beginning is kept"


async def test_the_largest_answer_takes_no_more_memory_than_its_text(flood, send):
    url = await flood(HEAD, b"10000\r\n" + b"x" * 65536 + b"\r\n")
    tracemalloc.start()
    answer = await send(url, LARGE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not answer.complete
    assert peak < 2.5 * LARGE


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (HEAD, b"1\r\n1\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"1"),
        (b"HTTP/1.1 200 OK\r\nX-Header: ", b"1"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 100)[:12], b""),
    ],
    ids=["chunks", "body", "head", "interim answers", "gzip"],
)
async def test_a_byte_at_a_time_lasts_no_longer_than_the_time_out(flood, send, head, piece):
    url = await flood(head, piece, pause=0.05)
    began = time.monotonic()
    failure = await send(url, read_timeout=0.4)
    assert 0.3 < time.monotonic() - began < 2
    assert isinstance(failure, TransportFailure)
    assert proof(failure) is OutcomeKind.IN_DOUBT


async def test_a_flood_of_interim_answers_lasts_no_longer_than_the_time_out(flood, send):
    url = await flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500)
    began = time.monotonic()
    failure = await send(url, read_timeout=0.5)
    assert time.monotonic() - began < 15  # a busy machine takes seconds; without a bound it would be for ever
    assert failure.phase is Phase.SENDING


async def test_a_head_without_end_is_no_answer(flood, send):
    url = await flood(b"HTTP/1.1 200 OK\r\n", b"X-Header: 1\r\n" * 100)
    failure = await send(url)
    assert isinstance(failure, TransportFailure)
    assert proof(failure) is OutcomeKind.IN_DOUBT


def deflated(data: bytes) -> bytes:
    packing = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packing.compress(data) + packing.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", deflated),
        ("gzip", lambda data: gzip.compress(data[: len(data) // 20]) * 20),
    ],
    ids=["gzip", "zlib", "raw deflate", "gzip in members"],
)
async def test_what_a_small_body_unpacks_to_is_counted(serve, send, say, encoding, pack):
    panel = await serve(say.http(pack(b" " * (200 * MIB)), Content_Encoding=encoding))
    tracemalloc.start()
    answer = await send(panel.url)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not getattr(answer, "complete", False)
    assert peak < 30 * MIB


@pytest.mark.parametrize("encoding", ["gzip, gzip", "identity, gzip", "compress", "zip", "x" * 1000])
async def test_an_encoding_that_is_not_known_is_no_answer(serve, send, say, encoding):
    twice = gzip.compress(gzip.compress(b'{"order": 5}'))
    panel = await serve(say.http(twice, Content_Encoding=encoding))
    assert proof(await send(panel.url)) is OutcomeKind.IN_DOUBT


@pytest.mark.parametrize("charset", ["punycode", "idna", "unicode_escape", "raw_unicode_escape", "utf-7", "x" * 5000])
async def test_a_charset_that_freezes_python_is_read_as_utf8(serve, send, say, charset):
    body = b'{"error": "' + b"abc-" * MIB + b'"}'
    panel = await serve(say.http(body, Content_Type=f"application/json; charset={charset}"))
    began = time.monotonic()
    answer = await send(panel.url, cap=8 * MIB)
    assert time.monotonic() - began < 3
    if isinstance(answer, Answer):  # such a long name is refused with its whole header
        assert answer.text == body.decode()


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("UTF-8", "utf-8"),
        ('"utf8"', "utf-8"),
        ("windows-1251", "cp1251"),
        ("CP1251", "cp1251"),
        ("KOI8-R", "koi8_r"),
        ("iso-8859-9", "iso8859-9"),
        ("ISO_8859-2", "iso8859-2"),
        ("GBK", "gbk"),
        ("GB2312", "gbk"),
        ("big5", "big5"),
        ("Shift_JIS", "shift_jis"),
        ("EUC-KR", "euc_kr"),
    ],
)
def test_charsets_that_panels_use_are_known(charset, name):
    text = {"cp1251": "недостаточно средств", "koi8_r": "баланс", "gbk": "余额不足", "big5": "餘額不足"}.get(name, "ok")
    raw = text.encode(name)
    decoder = decoder_for(charset)
    assert "".join(decoder.decode(raw[place : place + 1]) for place in range(len(raw))) == text


def test_every_known_charset_leaves_json_as_it_is():
    from runner.panel.transport.decoding import _KNOWN

    body = '{"order": 5, "errors": ["a", null, true, -1.5e3], "x": "\\u0041\\n/"}'
    for charset in _KNOWN:
        assert body.encode().decode(codec_of(charset)) == body, charset


def test_a_character_that_is_cut_off_is_replaced_once():
    decoder = decoder_for("utf-8")
    assert decoder.decode("ü".encode()[:1]) + decoder.decode(b"", final=True) == "\ufffd"
