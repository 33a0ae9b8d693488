"""The configuration of a sandbox: engines, keys, limits and bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from visioncraft_sandbox.backends.connection import Address, is_url, parse_address
from visioncraft_sandbox.protection import is_host_name


@dataclass(frozen=True)
class Limit:
    """How often one key may call one endpoint.

    Attributes:
        calls: How many calls are allowed within `seconds`.
        seconds: The length of the window.
        status: 429, as documented, or 403, which the service has also returned.
        announce: Whether the answer has a ``Retry-After`` header; the service rarely sends one.
    """

    calls: int
    seconds: float = 300.0
    status: Literal[403, 429] = 429
    announce: bool = False

    def __post_init__(self) -> None:
        if self.calls < 0 or self.seconds <= 0:
            msg = f"{self} is not valid: calls must be at least 0, and seconds positive."
            raise ValueError(msg)


@dataclass(frozen=True)
class SandboxConfig:
    """How a sandbox behaves.

    Attributes:
        models: Whether the models may run (upscaling, speech, chat). Drawing, animation, editing,
            captions and planned tool calls need no weights; without models the rest answers 503.
        keys: The accepted keys; empty accepts any key.
        llm: The model for chats instead of SmolLM2: the path of a GGUF file, or the root of an
            OpenAI-compatible server such as ``http://127.0.0.1:8080/v1``.
        llm_key: The key for that server. The caller's own key is never forwarded.
        llm_model: The model to use there. Default: the one that the caller names if the server
            has it, otherwise the server's first.
        vision_llm: The root of an OpenAI-compatible server for chats with pictures and for LLaVA
            models. Default: `llm`, if that is a server.
        vision_llm_key: See `llm_key`; likewise for the other keys.
        vision_llm_model: See `llm_model`.
        images: The root of a server that makes pictures: Automatic1111, Forge or ComfyUI, such as
            ``http://127.0.0.1:7860``. Its kind is detected, or named by a prefix:
            ``a1111+http://…``, ``forge+http://…``, ``comfyui+http://…``.
        images_key: A bearer token, or ``user:password`` (Automatic1111's ``--api-auth``).
        images_model: The checkpoint to use there; it overrides the caller's.
        speech: The root of a Whisper server with OpenAI's API (speaches, faster-whisper-server,
            LocalAI), or of whisper.cpp's server. Its kind is detected, or named by a prefix:
            ``openai+http://…``, ``whispercpp+http://…``.
        speech_key: See `llm_key`.
        speech_model: The model to use there. Default: the first that transcribes.
        backend_seconds: The longest wait for data from such a server; then the caller gets 504.
        midjourney_seconds: How long a Midjourney task reports "generating".
        limits: Limits by endpoint, such as ``{"POST /sd": Limit(10)}``.
        max_body_bytes: If all concurrent requests together are larger, each value in them counted
            with 200 bytes more, some get 503.
        max_json_bytes: Larger requests get 413, as do those above `max_body_bytes`. While Python
            parses one, the sandbox answers nobody else: for a third of a second if it has 128 MiB.
        max_pixels: Larger pictures, sent or requested, get 400 and are not decoded or made; so do
            pictures of one request that are larger together. A pixel of more than 8 bits, of AVIF,
            HEIC or JPEG XL counts twice, one of WebP or JPEG 2000 four times: they take as much
            more memory.
        max_fetch_bytes: The most bytes to read from the URLs in one request. If those of all
            concurrent requests hold more than four times as many, some get 503.
        max_audio_seconds: Longer recordings get 400 and are not decoded further.
        max_text: In characters; longer texts, such as prompts, get 400.
        max_chat_text: In characters; longer chats, with their tools and schemas but without their
            pictures, get 400.
        allow_private_urls: Whether such URLs may lead to this machine or this network, which
            exposes both to anyone who can reach the sandbox. Its own links always work.
        max_side: The longest side in pixels where no document gives a bound.
        files_max_bytes: Memory for the files behind links; the oldest are dropped first.
        files_seconds: How long a link works.
        requests_kept: How many requests are kept for tests, of 64 MiB together.
        page: Whether ``GET /`` shows requests and answers in a browser.
        page_entries: How many requests the page keeps.
        page_bytes: Memory for their bodies and what is shown of them; the oldest are dropped first,
            and a body larger than a quarter of it is not kept.
        allowed_hosts: Host names to answer to, without a port, in addition to IP addresses,
            localhost and the name of this machine. Requests to other names get 421.
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
    max_json_bytes: int = 128 << 20
    max_pixels: int = 64_000_000
    max_fetch_bytes: int = 128 << 20
    max_audio_seconds: float = 7200.0
    max_text: int = 100_000
    max_chat_text: int = 4_000_000
    allow_private_urls: bool = False
    max_side: int = 4096
    files_max_bytes: int = 256 << 20
    files_seconds: float = 3600.0
    requests_kept: int = 1000
    page: bool = True
    page_entries: int = 200
    page_bytes: int = 64 << 20
    allowed_hosts: tuple[str, ...] = ()

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
        for name in self.allowed_hosts:
            if not is_host_name(name):
                msg = (
                    f"allowed_hosts: {name!r} is not a host name; give it without http:// and port."
                )
                raise ValueError(msg)
        for name in ("llm", "vision_llm", "images", "speech"):
            self.server(name)  # raises if the address is malformed

    @property
    def most_of_a_body(self) -> int:
        """The bytes that one request may have."""
        return min(self.max_json_bytes, self.max_body_bytes)

    @property
    def llm_file(self) -> str | None:
        """The GGUF file that `llm` names, if it is one."""
        return self.llm if self.llm and not is_url(self.llm) else None

    def server(self, name: str) -> Address | None:
        """The address in the field `name`: ``llm``, ``vision_llm``, ``images`` or ``speech``."""
        text = getattr(self, name)
        if not text or (name == "llm" and self.llm_file):
            return None
        return parse_address(f"--{name.replace('_', '-')}", text)
