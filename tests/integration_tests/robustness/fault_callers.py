"""Who asks in a cell of the fault matrix: a client or a chat model, sync or async."""

from __future__ import annotations

import inspect
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

from client_driving import DRIVERS

from langchain_visioncraft import ChatVisionCraft, ChatVisionCraftLegacy
from langchain_visioncraft.client import AsyncVisionCraftClient, endpoints
from langchain_visioncraft.client.transport import LoopSafeAsyncClient, build, client_options

CAP = 8 << 20
"""Bytes of an answer that are accepted here."""


def _over_httpx(**settings: Any) -> AsyncVisionCraftClient:
    client = AsyncVisionCraftClient(**settings)
    options = client_options(client.settings.verify, client.settings.timeout)
    client._http = build(LoopSafeAsyncClient, **options)
    return client


WAYS: dict[str, Callable[..., Any]] = {**DRIVERS, "async over httpx": _over_httpx}
"""Where aiohttp is installed, the async client itself uses that."""


class Caller(Protocol):
    """Asks one host, with connections that nobody else has."""

    async def ask(self, task: str, deadline: float) -> str | None:
        """Make the call that meets a fault.

        Args:
            task: The id of a Midjourney task, for those who ask for one.
            deadline: Seconds that a task may take.

        Returns:
            The whole answer where it is text.
        """

    async def ask_again(self) -> None:
        """Make a call that should succeed."""

    async def close(self) -> None:
        """Close the connections."""


class ClientCaller:
    """A client that runs a flow."""

    def __init__(
        self, flow: Callable[[str, float], Any], driver: str, folder: Path, **settings: Any
    ) -> None:
        self._flow, self._folder = flow, folder
        self._client: Any = WAYS[driver](**settings, max_answer_bytes=CAP)

    async def ask(self, task: str, deadline: float) -> None:
        await self._run(self._flow(task, deadline))

    async def ask_again(self) -> None:
        await self._run(endpoints.list_names(family="sd", kind="models"))

    async def close(self) -> None:
        await _close(self._client)

    async def _run(self, flow: Any) -> None:
        await _done(self._client.run(flow, spool_dir=self._folder))


class ChatCaller:
    """A chat model that is invoked or streams."""

    def __init__(
        self,
        make: Callable[..., ChatVisionCraft | ChatVisionCraftLegacy],
        way: Literal["invoke", "stream"],
        driver: str,
        _folder: Path,
        **settings: Any,
    ) -> None:
        # Models share connections with those that have the same context: these are closed.
        if not isinstance(settings["verify"], ssl.SSLContext):
            settings["verify"] = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._model = make(**settings)
        self._way, self._driver = way, driver

    async def ask(self, _task: str = "", _deadline: float = 0.0) -> str:
        sync = self._driver == "sync"
        if self._way == "invoke":
            return (await _done((self._model.invoke if sync else self._model.ainvoke)("Hi"))).text
        if sync:
            return "".join(piece.text for piece in self._model.stream("Hi"))
        return "".join([piece.text async for piece in self._model.astream("Hi")])

    async def ask_again(self) -> None:
        await self.ask()

    async def close(self) -> None:
        if isinstance(self._model, ChatVisionCraftLegacy):
            clients = self._model._client, self._model._async_client
        else:
            clients = self._model.root_client, self._model.root_async_client
        for client in clients:
            await _close(client)


async def _close(client: Any) -> None:
    if client is not None:
        await _done((getattr(client, "close", None) or client.aclose)())


async def _done(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result
