"""Every fault switch, seen from a raw client: what the wire shows, and whether the order exists."""

import asyncio
import contextlib
import json
import socket
import time
from urllib.parse import urlsplit

import aiohttp
import pytest

from runner.core.values.clock import SystemClock
from runner.sandbox.faults import ANY, Fault, FaultBoard, FaultKind
from runner.sandbox.serve import SandboxServer
from runner.sandbox.settings import SandboxSettings

FORM = {
    "key": "sandbox-key",
    "action": "add",
    "service": "1",
    "link": "https://example.com/a",
    "quantity": "100",
}


async def send(panel) -> tuple[int, bytes, dict[str, str]]:
    async with panel.session.post(panel.server.url, data=FORM, allow_redirects=False) as answer:
        return answer.status, await answer.read(), dict(answer.headers)


async def lost(panel) -> aiohttp.ClientError:
    with pytest.raises(aiohttp.ClientError) as caught:
        await send(panel)
    return caught.value


async def ids(panel) -> list[int]:
    return [order["order"] for order in await panel.placed()]


async def test_without_faults_the_order_is_placed(panel):
    assert (await send(panel))[1] == b'{"order": 23501}'


async def test_reset_before_places_nothing(panel):
    panel.fault(kind="reset_before")
    assert isinstance(await lost(panel), aiohttp.ClientConnectionError)
    assert await ids(panel) == []


async def test_reset_after_places_the_order_and_says_nothing(panel):
    panel.fault(kind="reset_after")
    assert isinstance(await lost(panel), aiohttp.ClientConnectionError)
    assert await ids(panel) == [23501]
    assert await panel.balance() == "999.91"


async def test_a_reset_is_a_real_rst(panel):
    panel.fault(kind="reset_after")
    where = urlsplit(panel.server.url)
    body = "&".join(f"{name}={value}" for name, value in FORM.items()).encode()
    head = (
        f"POST {where.path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )

    def exchange() -> bytes:
        with socket.create_connection((where.hostname, where.port)) as connection:
            connection.sendall(head.encode() + body)
            return connection.recv(1024)

    with pytest.raises(ConnectionResetError):
        await asyncio.to_thread(exchange)


async def test_late_placing_loses_the_answer_and_the_order_appears_later_with_a_later_id(panel):
    panel.fault(kind="late_placing", seconds=30, times=1)
    await lost(panel)
    assert await ids(panel) == []
    assert await panel.balance() == "1000.00"
    assert (await send(panel))[1] == b'{"order": 23501}'
    panel.clock.advance(29)
    assert await ids(panel) == [23501]
    panel.clock.advance(1)
    assert await ids(panel) == [23501, 23502]
    assert await panel.balance() == "999.82"


async def test_a_late_order_appears_even_if_the_panel_was_restarted_in_between(opener):
    async with opener() as panel:
        panel.fault(kind="late_placing", seconds=30)
        await lost(panel)
        clock = panel.clock
    clock.advance(60)
    async with opener(clock) as panel:
        (order,) = await panel.placed()
        assert order["created"] == pytest.approx(30)
        assert order["fields"]["link"] == FORM["link"]


async def test_a_late_order_that_would_be_refused_never_appears(panel):
    panel.fault(kind="late_placing", seconds=1)
    with pytest.raises(aiohttp.ClientError):
        await panel.add(quantity=1)
    panel.clock.advance(60)
    assert await ids(panel) == []


@pytest.mark.parametrize("placed", [False, True])
@pytest.mark.parametrize("status", [None, 500, 502])
async def test_a_5xx_may_come_before_or_after_placing(panel, placed, status):
    panel.fault(kind="status_5xx", placed=placed, status=status)
    assert (await send(panel))[0] == (status or 503)
    assert await ids(panel) == ([23501] if placed else [])


async def test_a_rate_limit_is_429_with_retry_after_or_200_without(panel):
    panel.fault(kind="rate_limit", seconds=7)
    status, body, headers = await send(panel)
    assert (status, json.loads(body), headers["Retry-After"]) == (429, {"error": "Too many requests"}, "7")
    panel.fault(kind="rate_limit", status=200)
    status, body, headers = await send(panel)
    assert (status, json.loads(body)) == (200, {"error": "Rate limit exceeded"})
    assert "Retry-After" not in headers
    assert await ids(panel) == []


@pytest.mark.parametrize("status", [None, 308])
async def test_a_redirect_is_recorded_when_somebody_follows_it(panel, status):
    panel.fault(kind="redirect", status=status)
    code, _, headers = await send(panel)
    assert (code, headers["Location"]) == (status or 307, "/elsewhere")
    assert "elsewhere" not in await panel.control("requests")
    async with panel.session.post(panel.server.url, data=FORM) as answer:  # a careless client
        await answer.read()
    assert (await panel.control("requests"))["elsewhere"] == 1
    assert await ids(panel) == []


async def test_a_duplicate_refusal_places_nothing(panel):
    panel.fault(kind="duplicate_refusal")
    assert b"You have active order with this link" in (await send(panel))[1]
    assert await ids(panel) == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("empty_body", b""),
        ("not_json", b"OK"),
        ("id_zero", b'{"order": 0}'),
        ("error_after_placing", b'{"error": "Something went wrong, please try again later"}'),
        ("bom_prefix", b'\xef\xbb\xbf{"order": 23501}'),
    ],
)
async def test_odd_bodies_come_after_placing(panel, kind, body):
    panel.fault(kind=kind)
    assert (await send(panel))[:2] == (200, body)
    assert await ids(panel) == [23501]


async def test_html_and_php_warnings_look_like_the_web(panel):
    panel.fault(kind="html_body")
    assert (await send(panel))[1].startswith(b"<!DOCTYPE html>")
    panel.fault(kind="php_warning")
    _, body, headers = await send(panel)
    assert body.startswith(b"<br />")
    assert body.endswith(b'{"order": 23502}')
    assert headers["Content-Type"].startswith("text/html")


async def test_any_answer_can_be_put_into_the_panel_s_mouth(panel):
    panel.fault(kind="answer", text='{"status": "success"}', status=201, placed=False)
    assert (await send(panel))[:2] == (201, b'{"status": "success"}')
    assert await ids(panel) == []


@pytest.mark.parametrize("kind", ["truncated", "cut_chunk"])
async def test_a_truncated_answer_is_an_incomplete_body_after_placing(panel, kind):
    panel.fault(kind=kind)
    assert isinstance(await lost(panel), aiohttp.ClientPayloadError)
    assert await ids(panel) == [23501]


async def test_a_slow_body_arrives_whole_in_pieces(panel):
    panel.fault(kind="slow", seconds=60)
    before = panel.clock.monotonic()
    assert (await send(panel))[1] == b'{"order": 23501}'
    assert panel.clock.monotonic() - before == pytest.approx(60)


async def test_a_huge_body_is_as_large_as_asked_and_still_json(panel):
    panel.fault(kind="huge_body", size=300_000)
    body = (await send(panel))[1]
    assert len(body) == 300_000 + len(b'{"order": 23501}')
    assert json.loads(body) == {"order": 23501}


async def test_latency_delays_and_lets_another_fault_strike_too(panel):
    panel.server.faults.replace(
        [Fault(kind=FaultKind.LATENCY, seconds=5), Fault(kind=FaultKind.ID_ZERO), Fault(kind=FaultKind.NOT_JSON)]
    )
    before = panel.clock.monotonic()
    assert (await send(panel))[1] == b'{"order": 0}'
    assert panel.clock.monotonic() - before == pytest.approx(5)


async def test_a_client_that_gives_up_during_latency_has_bought_all_the_same(panel, tmp_path):
    async with SandboxServer(
        tmp_path / "real.db", settings=SandboxSettings(latency=0.2, control=True), clock=SystemClock()
    ) as server:
        with pytest.raises(TimeoutError):
            await panel.session.post(server.url, data=FORM, timeout=aiohttp.ClientTimeout(total=0.05))
        deadline = time.monotonic() + 5
        while not list(server.book.entries()) and time.monotonic() < deadline:
            await SystemClock().sleep(0.02)
        assert len(list(server.book.entries())) == 1


async def test_faults_strike_only_their_action_and_only_as_often_as_told(panel):
    panel.fault(kind="not_json", action="balance", after=1, times=2)
    assert (await send(panel))[1] == b'{"order": 23501}'
    seen = []
    for _ in range(5):
        _, body = await panel.raw("key=sandbox-key&action=balance")
        seen.append(body == b"OK")
    assert seen == [False, True, True, False, False]
    (listed,) = await panel.control("faults")
    assert (listed["seen"], listed["struck"]) == (5, 2)


def test_a_fault_for_any_action_strikes_all_and_probability_is_seeded():
    def strikes(seed: int) -> list[bool]:
        board = FaultBoard(seed)
        board.replace([Fault(kind=FaultKind.NOT_JSON, action=ANY, probability=0.3)])
        return [board.draw(action)[1] is not None for action in ["add", "status"] * 200]

    assert strikes(1) == strikes(1)
    assert strikes(1) != strikes(2)
    assert 0.2 < sum(strikes(1)) / 400 < 0.4


def test_every_kind_has_a_meaning_and_reads_from_json():
    for kind in FaultKind:
        assert kind.meaning
        fault = Fault.from_json({"kind": kind.value})
        assert fault.kind is kind
        assert fault.carries_out is kind.carried_out


@pytest.mark.parametrize("given", [{}, [], "latency", {"kind": "no such"}, {"kind": "slow", "second": 1}])
def test_a_fault_that_is_none_is_refused(given):
    with pytest.raises(ValueError):
        Fault.from_json(given)


async def test_every_fault_leaves_the_panel_alive(panel):
    for kind in FaultKind:
        panel.fault(kind=kind.value, size=10)
        with contextlib.suppress(aiohttp.ClientError):
            await send(panel)
        panel.server.faults.replace([])
        assert "balance" in await panel.call("balance")


async def test_half_a_request_places_nothing_and_makes_no_noise(panel, caplog):
    where = urlsplit(panel.server.url)
    head = f"POST {where.path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    _, writer = await asyncio.open_connection(where.hostname, where.port)
    body = "&".join(f"{name}={value}" for name, value in FORM.items())
    writer.write(f"{head}Content-Length: {len(body) + 1}\r\n\r\n{body}".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.05)
    assert await ids(panel) == []
    assert caplog.records == []


async def test_no_fault_makes_noise_in_the_log(panel, caplog):
    for kind in ("reset_before", "reset_after", "truncated", "cut_chunk", "late_placing"):
        panel.fault(kind=kind)
        await lost(panel)
    assert caplog.records == []


async def test_a_body_may_be_a_long_list_under_any_headers(panel):
    panel.fault(kind="repeated", text="[1]", size=200_000, headers={"Content-Type": "text/html; charset=punycode"})
    status, body, headers = await send(panel)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=punycode")
    assert 150_000 < len(body) <= 200_000
    assert json.loads(body)[:2] == [[1], [1]]


async def test_a_body_may_go_on_for_as_long_as_anybody_listens(panel):
    panel.fault(kind="trickle", text="x", seconds=0)
    async with panel.session.post(panel.server.url, data=FORM) as answer:
        assert await answer.content.readexactly(5) == b"xxxxx"
        answer.close()


async def test_an_answer_may_have_other_headers(panel):
    panel.fault(kind="answer", text="{}", headers={"X-RateLimit-Reset": "12"})
    assert (await send(panel))[2]["X-RateLimit-Reset"] == "12"
