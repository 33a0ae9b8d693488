"""What a sandbox can be told: which engines, which keys, which bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from visioncraft_sandbox.backends.addresses import (
    CHAT_KINDS,
    IMAGE_KINDS,
    SPEECH_KINDS,
    Address,
    is_url,
    parse_address,
)


@dataclass(frozen=True)
class Limit:
    """How often one key may call one endpoint.

    Attributes:
        calls: Calls that are allowed within `seconds`.
        seconds: The length of the window.
        status: 429 as the documents say, or 403 as the service has done too.
        announce: Whether the answer carries ``Retry-After``; the service rarely does.
    """

    calls: int
    seconds: float = 300.0
    status: Literal[403, 429] = 429
    announce: bool = False

    def __post_init__(self) -> None:
        if self.calls < 0 or self.seconds <= 0:
            msg = f"{self} is not a limit: calls start at 0, seconds are positive."
            raise ValueError(msg)


@dataclass(frozen=True)
class SandboxConfig:
    """How a sandbox behaves.

    Attributes:
        models: Whether the models may run (upscaling, speech, chat). Without them the sandbox
            draws, animates, reworks, looks at pictures and plans tool calls, which needs no
            weights; the rest answers 503.
        keys: The keys that are accepted; none means that any key is.
        llm: What answers chats instead of SmolLM2: the path of a GGUF file, or the root of an
            OpenAI-compatible server such as ``http://127.0.0.1:8080/v1``.
        llm_key: The key for that server. The caller's own key is never passed on.
        llm_model: The model's name at that server; by default the one that the caller names if
            the server has it, otherwise the server's first.
        vision_llm: The root of an OpenAI-compatible server for chats with pictures, and for LLaVA
            models; by default `llm` if that is a server.
        vision_llm_key: See `llm_key`; likewise the other keys.
        vision_llm_model: See `llm_model`.
        images: A host that makes pictures: the root of Automatic1111, Forge or ComfyUI, such as
            ``http://127.0.0.1:7860``. Which one it is shows itself, or is said by a prefix:
            ``a1111+http://…``, ``forge+http://…``, ``comfyui+http://…``.
        images_key: A bearer token, or ``user:password`` (Automatic1111's ``--api-auth``).
        images_model: The checkpoint there, whatever the caller names.
        speech: The root of a Whisper server that speaks OpenAI's API (speaches,
            faster-whisper-server, LocalAI), or of whisper.cpp's server; a prefix
            (``openai+http://…``, ``whispercpp+http://…``) says which.
        speech_key: See `llm_key`.
        speech_model: The model there; by default the first that transcribes.
        backend_seconds: How long such a server may be silent before the caller gets 504.
        midjourney_seconds: How long a Midjourney task says "generating".
        limits: Limits by endpoint, such as ``{"POST /sd": Limit(10)}``.
        max_body_bytes: Larger requests get 413.
        max_pixels: Larger pictures get 400; nothing beyond it is decoded or made.
        max_fetch_bytes: The most that is read from a URL which stands for a picture or recording.
        max_audio_seconds: Longer recordings get 400; nothing beyond it is decoded.
        max_text: Characters; longer texts, such as prompts, get 400. Chats have no such bound.
        allow_private_urls: Whether such URLs may lead to this machine or this network. Anybody who
            can reach the sandbox could look around there; its own links always work.
        max_side: The longest side where no document gives a bound, in pixels.
        files_max_bytes: Memory for the files that links lead to; the oldest go first.
        files_seconds: How long a link works.
        requests_kept: How many received requests are remembered for tests.
        page: Whether ``GET /`` shows a browser what came in and went out.
        page_entries: How many requests the page remembers.
        page_bytes: Memory for their bodies; the oldest go first, and what is larger than a
            quarter of it is not kept.
        page_hosts: Names under which the page may be opened, beside IP addresses, localhost and
            the name of this machine.
    """

    models: bool = True
    keys: tuple[str, ...] = ()
    llm: str | None = None
    llm_key: str | None = field(default=None, repr=False)
    llm_model: str | None = None
    vision_llm: str | None = None
    vision_llm_key: str | None = field(default=None, repr=False)
    vision_llm_model: str | None = None
    images: str | None = None
    images_key: str | None = field(default=None, repr=False)
    images_model: str | None = None
    speech: str | None = None
    speech_key: str | None = field(default=None, repr=False)
    speech_model: str | None = None
    backend_seconds: float = 600.0
    midjourney_seconds: float = 2.5
    limits: Mapping[str, Limit] = field(default_factory=dict)
    max_body_bytes: int = 512 << 20
    max_pixels: int = 64_000_000
    max_fetch_bytes: int = 128 << 20
    max_audio_seconds: float = 7200.0
    max_text: int = 100_000
    allow_private_urls: bool = False
    max_side: int = 4096
    files_max_bytes: int = 256 << 20
    files_seconds: float = 3600.0
    requests_kept: int = 1000
    page: bool = True
    page_entries: int = 200
    page_bytes: int = 64 << 20
    page_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.llm and not is_url(self.llm) and not Path(self.llm).is_file():
            msg = f"llm={self.llm!r} is neither a GGUF file that exists nor an http(s) URL."
            raise ValueError(msg)
        if self.backend_seconds <= 0:
            msg = f"backend_seconds={self.backend_seconds} must be positive."
            raise ValueError(msg)
        if self.page_entries < 1 or self.page_bytes < 1:
            msg = "page_entries and page_bytes start at 1; page=False switches the page off."
            raise ValueError(msg)
        # Reading the addresses tells what is wrong with them.
        _ = self.llm_server, self.vision_llm_server, self.images_server, self.speech_server

    @property
    def llm_file(self) -> str | None:
        """The GGUF file that `llm` names, if it is one."""
        return self.llm if self.llm and not is_url(self.llm) else None

    @property
    def llm_server(self) -> Address | None:
        """The server that `llm` names, if it is one."""
        text = self.llm if self.llm and is_url(self.llm) else None
        return _address("--llm", text, CHAT_KINDS)

    @property
    def vision_llm_server(self) -> Address | None:
        """The server for chats with pictures."""
        return _address("--vision-llm", self.vision_llm, CHAT_KINDS)

    @property
    def images_server(self) -> Address | None:
        """The host of pictures."""
        return _address("--images", self.images, IMAGE_KINDS)

    @property
    def speech_server(self) -> Address | None:
        """The Whisper server."""
        return _address("--speech", self.speech, SPEECH_KINDS)


def _address(option: str, text: str | None, kinds: Mapping[str, str]) -> Address | None:
    return parse_address(option, text, kinds) if text else None
