"""What a sandbox can be told: which engines, which keys, which bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


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
        llm_model: The model's name at that server; by default the caller's own.
        midjourney_seconds: How long a Midjourney task says "generating".
        limits: Limits by endpoint, such as ``{"POST /sd": Limit(10)}``.
        max_body_bytes: Larger requests get 413.
        max_pixels: Larger pictures get 400; nothing beyond it is decoded or made.
        max_fetch_bytes: The most that is read from a URL which stands for a picture or recording.
        max_side: The longest side where no document gives a bound, in pixels.
        files_max_bytes: Memory for the files that links lead to; the oldest go first.
        files_seconds: How long a link works.
        requests_kept: How many received requests are remembered for tests.
    """

    models: bool = True
    keys: tuple[str, ...] = ()
    llm: str | None = None
    llm_key: str | None = field(default=None, repr=False)
    llm_model: str | None = None
    midjourney_seconds: float = 2.5
    limits: Mapping[str, Limit] = field(default_factory=dict)
    max_body_bytes: int = 512 << 20
    max_pixels: int = 64_000_000
    max_fetch_bytes: int = 128 << 20
    max_side: int = 4096
    files_max_bytes: int = 256 << 20
    files_seconds: float = 3600.0
    requests_kept: int = 1000

    def __post_init__(self) -> None:
        if self.llm and self.llm_server is None and not Path(self.llm).is_file():
            msg = f"llm={self.llm!r} is neither a GGUF file that exists nor an http(s) URL."
            raise ValueError(msg)

    @property
    def llm_server(self) -> str | None:
        """The root of the server behind the chat endpoints, if `llm` names one."""
        if self.llm and self.llm.lower().startswith(("http://", "https://")):
            return self.llm.rstrip("/")
        return None
