"""All the servers behind one sandbox."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from visioncraft_sandbox import catalog
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.backends import a1111, comfyui
from visioncraft_sandbox.backends.a1111 import A1111
from visioncraft_sandbox.backends.chat import ChatServer
from visioncraft_sandbox.backends.comfyui import ComfyUI
from visioncraft_sandbox.backends.connection import BackendError, Connection
from visioncraft_sandbox.backends.images import ImageHost
from visioncraft_sandbox.backends.speech import SpeechServer
from visioncraft_sandbox.settings import SandboxConfig

_CHAT_MODELS = "/models-llm"


class Backends:
    """The servers that a configuration names; there may be none."""

    def __init__(self, config: SandboxConfig) -> None:
        def connection(name: str) -> Connection | None:
            address = config.server(name)
            key = getattr(config, f"{name}_key")
            return Connection(address, key, config.backend_seconds) if address else None

        llm, vision, speech = connection("llm"), connection("vision_llm"), connection("speech")
        self.llm = ChatServer(llm, config.llm_model) if llm else None
        self.vision = ChatServer(vision, config.vision_llm_model) if vision else None
        self._speech = SpeechServer(speech, config.speech_model) if speech else None
        self._speech_is_open = False
        self._images_model = config.images_model
        self._image_connection = connection("images")
        self._images: ImageHost | None = None
        self._is_open = False

    async def open(self) -> None:
        """Check all servers, unless this was done since they were last closed.

        Raises:
            BackendError: If one does not answer, or is not the kind of server that it should be.
        """
        if self._is_open:
            return
        # Another server may have replaced it since the last stop.
        self._images, self._speech_is_open = None, False
        try:
            for chat in (self.llm, self.vision):
                if chat is not None:
                    await chat.open()
            await self.images()
            await self.speech()
            self._is_open = True
        except Refusal as refusal:
            raise BackendError(refusal.message) from refusal
        finally:
            if not self._is_open:
                await self.close()

    async def close(self) -> None:
        """Close the connections; the next request opens them again."""
        self._is_open = False
        servers = [each for each in (self.llm, self.vision, self._speech) if each is not None]
        for connection in (self._image_connection, *(server.connection for server in servers)):
            if connection is not None:
                await connection.close()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What the servers may repeat, but nobody must see."""
        chats = [each.connection for each in (self.llm, self.vision, self._speech) if each]
        images = [self._image_connection] if self._image_connection else []
        return tuple(secret for each in (*chats, *images) for secret in each.secrets)

    def chat_for(self, model: str, *, with_images: bool) -> ChatServer | None:
        """The server for a conversation; ``None`` if the sandbox answers it."""
        if self.vision is not None and (with_images or catalog.takes_images(model)):
            return self.vision
        return self.llm

    async def speech(self) -> SpeechServer | None:
        """The Whisper server; refused with 503 if it does not answer."""
        if self._speech is not None and not self._speech_is_open:
            await self._speech.open()
            self._speech_is_open = True
        return self._speech

    async def images(self) -> ImageHost | None:
        """The host of pictures; refused with 503 if it does not answer."""
        if self._image_connection is not None and self._images is None:
            host = await self._detected(self._image_connection)
            await host.open()
            self._images = host
        return self._images

    async def _detected(self, connection: Connection) -> ImageHost:
        kinds = {"a1111": (A1111, a1111.PROBE), "comfyui": (ComfyUI, comfyui.PROBE)}
        kind = connection.address.kind
        for name, (build, probe) in kinds.items():
            if kind in (None, name) and (await connection.probe(probe)).is_success:
                return build(connection, self._images_model)
        raise BackendError(
            f"{connection.address} answers, but not as {kind or 'Automatic1111, Forge or ComfyUI'} "
            "does. Automatic1111 and Forge need the option --api."
        )

    async def names(self, path: str) -> list[str]:
        """The list of this path: the names on the host, if a host does the work."""
        if path == _CHAT_MODELS:
            chats = [await chat.names() for chat in (self.llm, self.vision) if chat is not None]
            found = [name for names in chats for name in names]
            if self.llm is not None:
                return list(dict.fromkeys(found))
            return list(dict.fromkeys((*found, *catalog.LISTS[path])))
        _, offered = await self._offered(path)
        return list(catalog.listed(path) if offered is None else offered)

    async def unknown_names(self, kind: str, given: Iterable[str], path: str) -> list[str]:
        """Sentences about unknown names.

        On a host of pictures, a documented name means the nearest one there, except for LoRAs.
        """
        wanted = list(given)
        listed, offered = await self._offered(path) if wanted else ("", None)
        if offered is None:
            return catalog.unknown_names(kind, wanted, path)
        known = {*offered, *(() if listed == "loras" else catalog.listed(path))}
        return catalog.unknown_names(kind, wanted, path, known)

    async def _offered(self, path: str) -> tuple[str, Sequence[str] | None]:
        """The kind of this path's list, and the names for it on the host of pictures, if any."""
        start = re.match(r"/image/(?:models|loras)/", path)
        kind = catalog.ON_HOSTS.get(f"{start[0]}{{type}}" if start else path, "")
        host = await self.images() if kind else None
        return kind, getattr(await host.offered(), kind) if host else None
