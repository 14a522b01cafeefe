"""Headless Chromium over its DevTools protocol: opens one file, and tells everything that it did. No assertions."""

import asyncio
import base64
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import ClientSession, ClientWebSocketResponse

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_PATIENCE = 60.0  # seconds; only a hang takes as long
_FLAGS = (
    "--headless=new",
    "--remote-debugging-port=0",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
)


class Page:
    """One open page: what it asked the network for, what it complained about, and a hand to use it."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[dict]] = {}
        self._session = ""
        self._loaded = asyncio.Event()
        self.requests: list[str] = []  # addresses, but the page's own
        self.complaints: list[str] = []  # errors, warnings and policy violations of the console
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                self._waiting.pop(told["id"]).set_result(told)
                continue
            method, given = told.get("method"), told.get("params", {})
            if method == "Network.requestWillBeSent":
                self.requests.append(given["request"]["url"])
            elif method == "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(given["exceptionDetails"]))
            elif method == "Log.entryAdded":
                self.complaints.append(f"{given['entry']['level']}: {given['entry']['text']}")
            elif method == "Runtime.consoleAPICalled":
                self.complaints.append(json.dumps(given["args"]))
            elif method == "Page.loadEventFired":
                self._loaded.set()

    async def call(self, method: str, **params: object) -> dict:
        number = next(self._numbers)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        session = {"sessionId": self._session} if self._session else {}
        await self._socket.send_json({"id": number, "method": method, "params": params, **session})
        answer = await asyncio.wait_for(future, _PATIENCE)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    async def open(self, path: Path, *, script: bool = True) -> None:
        """Open the file; without `script` as a browser that runs none."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            await self.call(f"{domain}.enable")
        await self.call("Emulation.setScriptExecutionDisabled", value=not script)
        await self.call("Page.navigate", url=path.as_uri())
        await asyncio.wait_for(self._loaded.wait(), _PATIENCE)
        self.requests = [url for url in self.requests if url != path.as_uri()]

    async def look(self, *, width: int = 1280, height: int = 900, dark: bool = False, paper: bool = False) -> None:
        """The size of the window, and dark, light or paper."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", media="print" if paper else "screen", features=[scheme])

    async def ask(self, expression: str) -> object:
        """The value of a JavaScript expression."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    async def picture(self) -> bytes:
        """A PNG of what is seen."""
        return base64.b64decode((await self.call("Page.captureScreenshot", format="png"))["data"])

    async def pdf(self) -> bytes:
        """The page as it would be printed."""
        return base64.b64decode((await self.call("Page.printToPDF", printBackground=True, paperWidth=8.27))["data"])

    async def close(self) -> None:
        self._listening.cancel()
        with suppress(asyncio.CancelledError):
            await self._listening


@asynccontextmanager
async def browser_page(path: Path, *, script: bool = True) -> AsyncIterator[Page]:
    """A page that has loaded `path`, in a browser of its own."""
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        process = await asyncio.create_subprocess_exec(
            str(CHROMIUM),
            *_FLAGS,
            *root,
            f"--user-data-dir={profile}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            address = await asyncio.wait_for(_address(Path(profile)), _PATIENCE)
            async with ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
                page = Page(socket)
                await page.open(path, script=script)
                yield page
                await page.close()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _address(profile: Path) -> str:
    """Where the browser listens: it writes that down once it does."""
    told = profile / "DevToolsActivePort"
    while not told.exists() or len(lines := told.read_text().split()) < 2:  # noqa: ASYNC110  # another process's file
        await asyncio.sleep(0.02)
    return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
