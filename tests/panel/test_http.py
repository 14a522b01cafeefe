import asyncio
import gzip
import logging
import socket
import time

import pytest

from runner.core.attempts import OutcomeKind, Phase
from runner.core.values.text import Secret
from runner.panel import forms
from runner.panel.exchange import Answer, TransportFailure
from runner.panel.parse.outcome import classify_add
from runner.panel.redact import Redactor
from runner.panel.transport.http import HttpTransport
from runner.panel.transport.keep_alive import KeepAlive
from tests.panel.conftest import ADD, proof


async def test_the_form_arrives_as_it_was_meant_with_the_key_first(serve, send, say):
    panel = await serve(say.http('{"order": 1}'))
    answer = await send(panel.url)
    assert answer == Answer(200, {}, '{"order": 1}', complete=True, size=12)
    assert panel.forms == [
        {
            "key": say.KEY,
            "action": "add",
            "service": "1",
            "link": "https://example.com/p?a=1&b=ü+%",
            "quantity": "100",
        }
    ]
    head = panel.heads[0].lower()
    assert head.startswith("post /api/v2 http/1.1\r\n")
    assert "user-agent: bulk-order-runner/" in head
    assert "accept: application/json" in head
    assert "content-type: application/x-www-form-urlencoded" in head


@pytest.mark.parametrize(
    "link", ["https://example.com/p?a=1&b=2", "".join(map(chr, range(1, 128))), "é\u20ac\U0001f600&="]
)
async def test_whatever_a_link_holds_arrives_as_it_is(serve, link, say, profile_of):
    panel = await serve(say.http('{"order": 1}'))
    transport = HttpTransport(profile_of(panel.url), Secret(say.KEY))
    try:
        await transport.send(forms.add(service="1", link=link, quantity=100, runs=None, interval=None))
    finally:
        await transport.close()
    assert panel.forms[0]["link"] == link


async def test_a_refused_port_is_proof_that_nothing_was_sent(send):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        failure = await send(f"http://127.0.0.1:{unused.getsockname()[1]}/")
    assert failure.phase is Phase.CONNECTING
    assert proof(failure) is OutcomeKind.NOT_SENT


async def test_an_unknown_host_is_proof_that_nothing_was_sent(send):
    failure = await send("https://panel.invalid/api/v2")
    assert failure.phase is Phase.CONNECTING
    assert proof(failure) is OutcomeKind.NOT_SENT


async def test_a_tls_handshake_with_no_tls_server_is_proof_that_nothing_was_sent(serve, send, say):
    panel = await serve(say.Reply(unread=True))
    failure = await send(panel.url.replace("http:", "https:"))
    assert failure.phase is Phase.CONNECTING
    assert proof(failure) is OutcomeKind.NOT_SENT


async def test_an_untrusted_certificate_is_proof_that_nothing_was_sent(serve, send, say, self_signed):
    panel = await serve(say.http('{"order": 1}'), tls=self_signed)
    failure = await send(panel.url)
    assert failure.phase is Phase.CONNECTING
    assert "certificate" in failure.message.lower()
    assert panel.forms == []


async def test_a_silent_handshake_times_out_as_connecting(send):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        failure = await send(f"https://127.0.0.1:{silent.getsockname()[1]}/", connect_timeout=0.2)
    assert failure.phase is Phase.CONNECTING
    assert proof(failure) is OutcomeKind.NOT_SENT


async def test_waiting_for_a_free_connection_in_vain_is_proof_that_nothing_was_sent(serve, profile_of, say):
    panel = await serve(say.Reply(delay=1.0, close=True), say.Reply(delay=1.0, close=True), say.http("{}"))
    transport = HttpTransport(
        profile_of(panel.url, parallel_add=1, parallel_read=1, connect_timeout=0.3), Secret(say.KEY)
    )
    busy = [asyncio.create_task(transport.send(ADD)) for _ in range(2)]
    await asyncio.sleep(0.05)
    third = await transport.send(ADD)
    assert third.phase is Phase.CONNECTING
    assert proof(third) is OutcomeKind.NOT_SENT
    assert len(panel.forms) == 2
    await asyncio.gather(*busy)
    await transport.close()


async def test_a_link_that_cannot_be_encoded_is_never_sent(profile_of, say):
    transport = HttpTransport(profile_of("http://127.0.0.1:1/"), Secret(say.KEY))
    form = forms.add(service="1", link="https://example.com/\ud800", quantity=1, runs=None, interval=None)
    assert (await transport.send(form)).phase is Phase.QUEUED


@pytest.mark.parametrize(
    ("reply", "phase"),
    [
        ({"unread": True}, Phase.SENDING),
        ({"close": True}, Phase.SENDING),
        ({"reset": True}, Phase.SENDING),
        ({"data": b"HTTP/1.1 200 OK\r\n", "close": True}, Phase.SENDING),
        ({"data": b"garbage\r\n\r\n", "close": True}, Phase.SENDING),
        ({"data": b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"order": 5}', "close": True}, Phase.ANSWERING),
        ({"data": b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"order": 5}', "reset": True}, Phase.ANSWERING),
        (
            {"data": b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n{"order": 5}\r\n', "close": True},
            Phase.ANSWERING,
        ),
        (
            {"data": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", "close": True},
            Phase.ANSWERING,
        ),
    ],
    ids=["unread", "closed", "reset", "half a head", "no http", "short", "short, reset", "chunks cut off", "bad gzip"],
)
async def test_a_lost_answer_is_in_doubt_however_it_was_lost(serve, send, say, reply, phase):
    panel = await serve(say.Reply(**reply), say.http('{"order": 6}'))
    failure = await send(panel.url)
    assert isinstance(failure, TransportFailure)
    assert failure.phase is phase
    assert proof(failure) is OutcomeKind.IN_DOUBT
    assert len(panel.forms) <= 1


async def test_what_arrived_of_a_broken_answer_is_kept_as_evidence_without_the_key(serve, send, say):
    begin = f'{{"order": 77, "you": "{say.KEY[:-3]}'.encode()
    panel = await serve(say.Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + begin, close=True))
    failure = await send(panel.url)
    assert failure.bytes_received == len(begin)
    assert failure.http_status == 200
    assert '{"order": 77' in failure.message
    assert say.KEY[:6] not in failure.message


async def test_an_empty_body_is_an_answer_and_a_doubt(serve, send, say):
    panel = await serve(say.http(""))
    answer = await send(panel.url)
    assert answer == Answer(200, {}, "", complete=True, size=0)
    assert proof(answer) is OutcomeKind.IN_DOUBT


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(serve, send, say, status):
    other = await serve(say.http('{"order": 2}'))
    panel = await serve(say.http("", status, Location=other.url))
    answer = await send(panel.url)
    assert (answer.status, answer.headers["location"]) == (status, other.url)
    assert other.connections == 0
    assert len(panel.forms) == 1
    outcome = classify_add(answer, (), (), str)
    assert outcome.kind is OutcomeKind.IN_DOUBT
    assert outcome.stops_panel


async def test_connections_are_reused_and_cookies_are_not_kept(serve, profile_of, say):
    panel = await serve(say.http("{}", Set_Cookie="session=1; Path=/"), say.http("{}"), say.http("{}"))
    transport = HttpTransport(profile_of(panel.url), Secret(say.KEY))
    for _ in range(3):
        await transport.send(forms.balance())
    await transport.close()
    assert panel.connections == 1
    assert all("cookie" not in head.lower() for head in panel.heads)


async def test_a_form_is_not_sent_again_when_a_reused_connection_drops(serve, profile_of, say):
    panel = await serve(say.http('{"order": 1}'), say.Reply(close=True), say.http('{"order": 2}'))
    known_to_last = KeepAlive(answers=9, idle=9.0)
    transport = HttpTransport(profile_of(panel.url), Secret(say.KEY), known_to_last)
    assert isinstance(await transport.send(ADD), Answer)
    lost = await transport.send(ADD)
    assert lost.phase is Phase.SENDING
    assert (panel.connections, len(panel.forms)) == (1, 2)
    assert (await transport.send(ADD)).text == '{"order": 2}'
    await transport.close()


async def test_a_library_that_would_send_a_form_again_is_stopped(serve, profile_of, say, monkeypatch):
    monkeypatch.setattr("aiohttp.client.IDEMPOTENT_METHODS", frozenset({"POST"}))
    panel = await serve(say.http('{"order": 1}'), say.Reply(close=True), say.http('{"order": 2}'))
    transport = HttpTransport(profile_of(panel.url), Secret(say.KEY))
    await transport.send(ADD)
    lost = await transport.send(ADD)
    assert (lost.phase, lost.message) == (Phase.SENDING, "the form is not sent a second time")
    assert len(panel.forms) == 2
    await transport.close()


async def test_a_library_that_connects_by_another_way_is_not_taken_for_proof(serve, profile_of, say, monkeypatch):
    async def elsewhere(_session, *_args, **_kwargs):
        raise OSError("gone, who knows when")

    panel = await serve(say.http("{}"))
    transport = HttpTransport(profile_of(panel.url), Secret(say.KEY))
    monkeypatch.setattr("aiohttp.ClientSession._request", elsewhere)
    assert proof(await transport.send(ADD)) is OutcomeKind.IN_DOUBT
    await transport.close()


async def test_the_proxy_of_the_environment_is_ignored(serve, send, say, monkeypatch):
    proxy, panel = await serve(say.http("{}")), await serve(say.http('{"order": 1}'))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    assert isinstance(await send(panel.url), Answer)
    assert (proxy.connections, panel.connections) == (0, 1)


async def test_a_body_over_the_cap_is_cut_and_not_complete(serve, send, say):
    panel = await serve(say.http('{"order": 5}' + " " * 500_000))
    answer = await send(panel.url, cap=1000)
    assert not answer.complete
    assert len(answer.text) == 1000
    assert proof(answer) is OutcomeKind.IN_DOUBT


async def test_the_cap_counts_what_a_small_body_unpacks_to(serve, send, say):
    bomb = gzip.compress(b" " * 200_000_000)
    panel = await serve(say.http(bomb, Content_Encoding="gzip"))
    answer = await send(panel.url)
    assert not answer.complete
    assert answer.size < 4 * 2**20


async def test_gzip_and_chunks_are_unpacked(serve, send, say):
    packed = gzip.compress(b'{"order": 5}')
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    panel = await serve(say.Reply(head + chunks))
    assert (await send(panel.url)).text == '{"order": 5}'


async def test_an_answer_that_does_not_come_is_in_doubt(serve, send, say):
    panel = await serve(say.Reply(delay=2, close=True))
    began = time.monotonic()
    failure = await send(panel.url, read_timeout=0.2)
    assert time.monotonic() - began < 1
    assert failure.phase is Phase.SENDING
    assert proof(failure) is OutcomeKind.IN_DOUBT


@pytest.mark.parametrize("charset", ["utf-8", "klingon", "rot13", "base64"])
async def test_a_charset_that_is_none_falls_back_to_utf8(serve, send, say, charset):
    panel = await serve(say.http('{"error": "größe"}', Content_Type=f"text/html; charset={charset}"))
    assert (await send(panel.url)).text == '{"error": "größe"}'


async def test_bytes_that_are_no_text_are_replaced(serve, send, say):
    panel = await serve(say.http(b'{"order": 5, "x": "\xff\xfe"}'))
    assert '"order": 5' in (await send(panel.url)).text


async def test_after_closing_nothing_is_sent(profile_of, serve, say):
    panel = await serve(say.http("{}"))
    transport = HttpTransport(profile_of(panel.url), Secret(say.KEY))
    await transport.close()
    assert (await transport.send(ADD)).phase is Phase.QUEUED
    assert panel.connections == 0


async def test_a_cancelled_send_raises_and_a_shielded_one_keeps_its_outcome(serve, profile_of, say):
    panel = await serve(say.Reply(delay=0.2, data=say.http('{"order": 9}').data))
    transport = HttpTransport(profile_of(panel.url), Secret(say.KEY))
    sending = asyncio.create_task(transport.send(ADD))

    async def caller():
        return await asyncio.shield(sending)

    task = asyncio.create_task(caller())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await sending).text == '{"order": 9}'
    again = asyncio.create_task(transport.send(ADD))
    await asyncio.sleep(0)
    again.cancel()
    with pytest.raises(asyncio.CancelledError):
        await again
    await transport.close()


async def test_the_log_tells_how_far_a_request_got_and_never_the_form_or_the_key(serve, send, say, caplog):
    caplog.set_level(logging.DEBUG)
    panel = await serve(say.http('{"order": 1}'), say.Reply(close=True))
    await send(panel.url)
    await send(panel.url)
    lines = [record.getMessage() for record in caplog.records if record.name == "runner.panel"]
    assert "testpanel add: answered, HTTP 200, 12 bytes" in lines[0]
    assert "testpanel add: sending, HTTP None, 0 bytes" in lines[1]
    assert Redactor(Secret(say.KEY))(caplog.text) == caplog.text
    assert "example.com" not in caplog.text
