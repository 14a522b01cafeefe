"""Which connection an order goes out on, over real sockets: a server may close whenever it likes."""

import asyncio
import ssl

import pytest

from runner.core.attempts import Phase
from runner.core.values.text import Secret
from runner.panel import forms
from runner.panel.capabilities import KEEP_ALIVE, CapabilityChange
from runner.panel.exchange import Answer
from runner.panel.transport import connections
from runner.panel.transport.http import HttpTransport
from runner.panel.transport.keep_alive import KeepAlive

ADD = forms.add(service="1", link="https://example.com/p", quantity=100, runs=None, interval=None)
READ = forms.balance()
SURE = {"answers": 99, "idle": 99.0}


@pytest.fixture
async def transport_to(profile_of, say):
    opened = []

    def make(url, **known):
        keep_alive = KeepAlive(**known)
        transport = HttpTransport(profile_of(url), Secret(say.KEY), keep_alive)
        opened.append(transport)
        return transport, keep_alive

    yield make
    for transport in opened:
        await transport.close()


async def settled():
    """Long enough for a FIN of loopback to be read."""
    await asyncio.sleep(0.02)


async def test_the_first_order_of_a_run_has_a_connection_of_its_own(serve, say, transport_to):
    panel = await serve(*[say.http('{"order": 1}')] * 3)
    transport, _ = transport_to(panel.url)
    await transport.send(READ)
    await transport.send(ADD)
    assert panel.connections == 2


async def test_orders_in_steady_use_go_on_over_the_same_connections(serve, say, transport_to):
    panel = await serve(*[say.http('{"order": 1}')] * 60)
    transport, keep_alive = transport_to(panel.url)
    await transport.send(READ)
    await asyncio.sleep(0.1)  # the plan is made: what is idle shows that this server keeps it
    for _ in range(50):
        assert isinstance(await transport.send(ADD), Answer)
        await asyncio.sleep(0.005)
    assert panel.connections <= 8, "no more than the panel is to see at once"
    assert keep_alive.answers >= 2
    before = panel.connections
    for _ in range(5):
        await transport.send(ADD)
        await asyncio.sleep(0.005)
    assert panel.connections == before


async def test_an_order_never_goes_into_a_connection_that_has_ended(serve, say, transport_to):
    hung_up = say.Reply(say.http("{}").data, close=True)
    panel = await serve(hung_up, say.http('{"order": 1}'))
    transport, keep_alive = transport_to(panel.url, **SURE)
    await transport.send(READ)
    await settled()
    assert (await transport.send(ADD)).text == '{"order": 1}'
    assert panel.connections == 2
    assert keep_alive.is_broken


async def test_the_end_of_a_connection_counts_before_the_loop_has_read_it(serve, say, transport_to):
    """A run that commits to a slow disk comes back to a socket that ended meanwhile, and sends before it looks."""
    hung_up = say.Reply(say.http("{}").data, close=True)
    panel = await serve(hung_up, say.http('{"order": 1}'))
    transport, _ = transport_to(panel.url, **SURE)
    await transport.send(READ)
    connector = transport._session.connector
    (idle,) = connector._conns.values()
    protocol = idle[0][0]
    protocol.transport.pause_reading()  # the loop sees nothing of it any more
    await settled()
    assert protocol.is_connected()
    assert (await transport.send(ADD)).text == '{"order": 1}'
    assert panel.connections == 2


async def test_an_answer_that_nobody_asked_for_is_not_taken_for_that_to_the_next_order(say, transport_to):
    """Some servers say 408 into a connection that was idle for too long."""
    connections = 0

    async def talk(reader, writer):
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(say.http('{"order": 1}').data)
        await asyncio.sleep(0.01)
        writer.write(say.http('{"order": 666}').data)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    transport, _ = transport_to(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", **SURE)
    for form in (READ, ADD, READ):
        assert (await transport.send(form)).text == '{"order": 1}'
        await asyncio.sleep(0.05)
    assert connections == 3
    server.close()


async def test_a_connection_that_is_announced_to_end_breaks_no_promise(serve, say, transport_to):
    last = say.Reply(say.http("{}", Connection="close").data, close=True)
    panel = await serve(last, last, say.http('{"order": 1}'))
    transport, keep_alive = transport_to(panel.url, **SURE)
    await transport.send(READ)
    await settled()
    await transport.send(READ)
    await settled()
    await transport.send(ADD)
    assert not keep_alive.is_broken


async def test_after_a_broken_promise_each_request_has_its_own_connection_and_says_so(serve, say, transport_to):
    panel = await serve(*[say.http('{"order": 1}')] * 4)
    transport, _ = transport_to(panel.url, is_broken=True)
    for form in (READ, ADD, ADD, READ):
        assert isinstance(await transport.send(form), Answer)
    assert panel.connections == 4
    assert all("connection: close" in head.lower() for head in panel.heads)


async def test_a_lost_answer_on_a_used_connection_is_a_doubt_and_the_last_such_one(serve, say, transport_to):
    panel = await serve(say.http("{}"), say.Reply(close=True), say.http('{"order": 2}'))
    transport, keep_alive = transport_to(panel.url, **SURE)
    await transport.send(READ)
    lost = await transport.send(ADD)
    assert (lost.phase, len(panel.forms)) == (Phase.SENDING, 2)
    assert keep_alive.is_broken


async def test_a_lost_answer_on_a_fresh_connection_says_nothing_about_used_ones(serve, say, transport_to):
    panel = await serve(say.Reply(close=True))
    transport, keep_alive = transport_to(panel.url)
    await transport.send(ADD)
    assert not keep_alive.is_broken


async def test_a_panel_that_is_slow_to_answer_breaks_no_promise(serve, say, profile_of):
    panel = await serve(say.http("{}"), say.Reply(delay=2.0))
    keep_alive = KeepAlive(**SURE)
    transport = HttpTransport(profile_of(panel.url, read_timeout=0.2), Secret(say.KEY), keep_alive)
    await transport.send(READ)
    assert (await transport.send(READ)).phase is Phase.SENDING
    assert not keep_alive.is_broken
    await transport.close()


async def test_no_more_connections_are_open_than_the_profile_allows(serve, say, profile_of):
    panel = await serve(*[say.http('{"order": 1}')] * 40)
    transport = HttpTransport(profile_of(panel.url, parallel_add=2, parallel_read=1), Secret(say.KEY))
    for _ in range(20):
        await transport.send(ADD)
        connector = transport._session.connector
        assert sum(len(idle) for idle in connector._conns.values()) + len(connector._acquired) <= 3
    await transport.close()


async def test_tls_connections_are_used_again_too(serve, say, transport_to, self_signed, monkeypatch):
    """The tickets that TLS 1.3 sends behind the handshake are no sign of an end."""
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)
    panel = await serve(*[say.http('{"order": 1}')] * 5, tls=self_signed)
    transport, _ = transport_to(panel.url, **SURE)
    for form in (READ, ADD, ADD, READ, ADD):
        assert isinstance(await transport.send(form), Answer)
        await settled()
    assert panel.connections == 1


async def test_the_client_remembers_a_panel_that_breaks_its_promises(serve, say, client_of):
    hung_up = say.Reply(say.http('{"balance": "1.00"}').data, close=True)
    panel = await serve(hung_up, hung_up, hung_up)
    client = await client_of(panel.url)
    await client.balance()
    assert client.capability_changes().lacking == frozenset()
    await settled()
    await client.balance()
    assert client.capability_changes().lacking == {KEEP_ALIVE}
    assert client.capability_changes().lacking == frozenset(), "told once"
    later = await client_of(panel.url)
    later.remember(CapabilityChange(frozenset({KEEP_ALIVE}), {}))
    await later.balance()
    assert "connection: close" in panel.heads[-1].lower()
    assert later.capability_changes().lacking == frozenset()


async def test_a_profile_may_say_so_from_the_start(serve, say, client_of):
    panel = await serve(*[say.http('{"balance": "1.00"}')] * 2)
    client = await client_of(panel.url, keep_alive=False)
    await client.balance()
    await client.balance()
    assert panel.connections == 2
    assert client.capability_changes().lacking == frozenset(), "what the profile says is no news"


async def test_a_read_takes_no_connection_that_was_idle_for_long(serve, say, transport_to, monkeypatch):
    """It may be closing, and a request that meets its end would look like a promise that was broken."""
    panel = await serve(*[say.http('{"balance": "1"}')] * 3)
    transport, keep_alive = transport_to(panel.url)
    await transport.send(READ)
    await transport.send(READ)
    assert panel.connections == 1
    monkeypatch.setattr(connections, "KEEP_IDLE", 0.05)  # not before: aiohttp's own cleaning goes on as it was set up
    await asyncio.sleep(0.1)
    assert isinstance(await transport.send(READ), Answer)
    assert (panel.connections, keep_alive.is_broken) == (2, False)
