"""All the servers behind one sandbox."""

from __future__ import annotations

from collections.abc import Iterable

from visioncraft_sandbox import catalog
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.backends import a1111, comfyui
from visioncraft_sandbox.backends.a1111 import A1111
from visioncraft_sandbox.backends.addresses import Address
from visioncraft_sandbox.backends.chat import ChatServer
from visioncraft_sandbox.backends.comfyui import ComfyUI
from visioncraft_sandbox.backends.connection import BackendError, Connection
from visioncraft_sandbox.backends.images import ImageHost, Offered
from visioncraft_sandbox.backends.speech import SpeechServer
from visioncraft_sandbox.settings import SandboxConfig

_CHAT_MODELS = "/models-llm"
# What each list holds on a host of pictures. In the documents, a scheduler of image to image is
# what is called a sampler elsewhere.
_LISTS = {
    "/sd/models": "models", "/models": "models", "/models-xl": "models",
    "/sd/samplers": "samplers", "/samplers": "samplers", "/samplers-xl": "samplers",
    "/img2img/schedulers": "samplers", "/schedulers-xl": "schedulers",
    "/sd/loras": "loras", "/loras": "loras",
}  # fmt: skip


class Backends:
    """The servers that a configuration names; there may be none.

    Args:
        config: The sandbox's.
    """

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config
        llm, vision = config.llm_server, config.vision_llm_server
        self.llm = ChatServer(self._way(llm, config.llm_key), config.llm_model) if llm else None
        self.vision = (
            ChatServer(self._way(vision, config.vision_llm_key), config.vision_llm_model)
            if vision
            else None
        )
        speech, images = config.speech_server, config.images_server
        self._speech = (
            SpeechServer(self._way(speech, config.speech_key), config.speech_model)
            if speech
            else None
        )
        self._speech_is_open = False
        self._image_way = self._way(images, config.images_key) if images else None
        self._images: ImageHost | None = None
        self._is_open = False

    def _way(self, address: Address, key: str | None) -> Connection:
        return Connection(address, key, self._config.backend_seconds)

    async def open(self) -> None:
        """Look whether all of them are there; done once, until they are closed.

        Raises:
            BackendError: At the first that is not there, or is something else than it should be.
        """
        if self._is_open:
            return
        # What stood there before a stop may be another server now.
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
        ways = [self._image_way]
        ways += [server.connection for server in (self.llm, self.vision, self._speech) if server]
        for way in ways:
            if way is not None:
                await way.close()

    def chat_for(self, model: str, *, with_images: bool) -> ChatServer | None:
        """The server for a conversation; ``None`` if the sandbox answers it."""
        if self.vision is not None and (with_images or catalog.takes_images(model)):
            return self.vision
        return self.llm

    async def speech(self) -> SpeechServer | None:
        """The Whisper server.

        Raises:
            Refusal: 503 if it is not there.
        """
        if self._speech is not None and not self._speech_is_open:
            try:
                await self._speech.open()
            except BackendError as error:
                raise Refusal(503, str(error)) from error
            self._speech_is_open = True
        return self._speech

    async def images(self) -> ImageHost | None:
        """The host of pictures.

        Raises:
            Refusal: 503 if it is not there.
        """
        if self._image_way is not None and self._images is None:
            try:
                host = await self._recognised(self._image_way)
                await host.open()
            except BackendError as error:
                raise Refusal(503, str(error)) from error
            self._images = host
        return self._images

    async def _recognised(self, way: Connection) -> ImageHost:
        kinds = {"a1111": (A1111, a1111.PROBE), "comfyui": (ComfyUI, comfyui.PROBE)}
        kind = way.address.kind
        for name, (build, probe) in kinds.items():
            if kind in (None, name) and (await way.probe(probe)).is_success:
                return build(way, self._config.images_model)
        msg = (
            f"{way.address} answers, but not as {kind or 'Automatic1111, Forge or ComfyUI'} does. "
            "Automatic1111 and Forge need the option --api."
        )
        raise BackendError(msg)

    async def names(self, path: str) -> list[str]:
        """The list of this path: the host's own names where a host does the work.

        Raises:
            Refusal: 503 if the host is not there.
        """
        if path == _CHAT_MODELS:
            chats = [await chat.names() for chat in (self.llm, self.vision) if chat is not None]
            found = [name for names in chats for name in names]
            if self.llm is not None:
                return list(dict.fromkeys(found))
            return list(dict.fromkeys((*found, *catalog.LISTS[path])))
        host = await self.images() if path in _LISTS else None
        if host is None:
            return list(catalog.LISTS[path])
        return list(_listed(await host.offered(), path))

    async def unknown_names(self, kind: str, given: Iterable[str], path: str) -> list[str]:
        """Sentences about names that nobody knows.

        A host of pictures is asked for documented names too, and takes what comes nearest. A
        LoRA has no nearest.

        Raises:
            Refusal: 503 if the host is not there.
        """
        wanted = list(given)
        host = await self.images() if wanted and path in _LISTS else None
        if host is None:
            return catalog.unknown_names(kind, wanted, path)
        own = _listed(await host.offered(), path)
        rest = [name for name in wanted if name not in own]
        if _LISTS[path] == "loras":
            return catalog.not_known(kind, rest, path)
        return catalog.unknown_names(kind, rest, path)


def _listed(offered: Offered, path: str) -> tuple[str, ...]:
    names: tuple[str, ...] = getattr(offered, _LISTS[path])
    return names
