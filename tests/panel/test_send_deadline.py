"""What was marked too long ago is not written any more: another machine may have made a doubt of it."""

import sys
import time

import aiohttp

from runner.core.attempts import OutcomeKind, Phase
from runner.core.values.clock import awake_or_asleep
from runner.core.values.text import Secret
from runner.panel import forms
from runner.panel.exchange import Answer, TransportFailure
from runner.panel.parse.outcome import classify_add
from runner.panel.transport.http import HttpTransport

ADD = forms.add(service="1", link="https://example.com/p", quantity=100, runs=None, interval=None)


async def test_an_order_whose_time_is_over_is_not_written(serve, say, profile_of):
    panel = await serve(say.http('{"order": 1}'))
    transport = HttpTransport(profile_of(panel.url), Secret(say.KEY))
    told = await transport.send(ADD, send_before=awake_or_asleep() - 0.001)
    assert isinstance(told, TransportFailure)
    assert told.phase is Phase.CONNECTING
    assert classify_add(told, (), (), str).kind is OutcomeKind.NOT_SENT
    assert "stood still for too long" in told.message
    assert panel.forms == []
    assert isinstance(await transport.send(ADD, send_before=awake_or_asleep() + 60), Answer)
    await transport.close()


async def test_it_is_looked_at_when_the_form_is_written_and_not_before(serve, say, profile_of, monkeypatch):
    """The program is stopped when it has a connection, or its loop stands still: the moment that counts is the write."""
    panel = await serve(say.http('{"order": 1}'))
    transport = HttpTransport(profile_of(panel.url), Secret(say.KEY))
    send = aiohttp.ClientRequest.send

    async def slow(self, connection):
        begun = await send(self, connection)
        time.sleep(0.1)  # noqa: ASYNC251  # the whole loop
        return begun

    monkeypatch.setattr(aiohttp.ClientRequest, "send", slow)
    told = await transport.send(ADD, send_before=awake_or_asleep() + 0.05)
    if sys.version_info < (3, 12):  # later ones write within `send`
        assert isinstance(told, TransportFailure)
        assert told.phase is Phase.CONNECTING
        assert panel.forms == []
    await transport.close()
