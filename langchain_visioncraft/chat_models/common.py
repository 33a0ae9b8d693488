"""The base of both chat models: prompted calls, pictures, tokens, identification.

Tokens are estimated without a tokenizer and without the network. For English prose the estimate is
usually within a quarter of what Llama, Mistral and Qwen models count; for code and rare words it is
too low.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import ssl
from abc import abstractmethod
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, Field, PrivateAttr, field_validator

from langchain_visioncraft._compat import is_from_httpx
from langchain_visioncraft._copying import HoldsConnections
from langchain_visioncraft._flows import Steps, arun, call, run
from langchain_visioncraft._keywords import KnownKeywords
from langchain_visioncraft._threads import in_thread
from langchain_visioncraft.chat_models import completions, images
from langchain_visioncraft.chat_models.answers import Ask, Task, answer, as_chunk
from langchain_visioncraft.chat_models.profiles import profile_of, takes_images
from langchain_visioncraft.client.watching import Watch, resumed
from langchain_visioncraft.config import API_KEY_VARIABLE, KeyTypes, Settings, resolve
from langchain_visioncraft.context import run_key
from langchain_visioncraft.media.store import MediaStore

if TYPE_CHECKING:
    from langchain_core.callbacks import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )
    from langchain_core.language_models import LangSmithParams
    from langchain_core.tools import BaseTool

    from langchain_visioncraft.client import AsyncVisionCraftClient, VisionCraftClient

PROVIDER = "visioncraft"
CHARS_PER_TOKEN = 4
"""Characters of ASCII text per token. Other characters count as one token each."""
TOKENS_PER_MESSAGE = 4
"""The tokens of a message's role and delimiters."""
TOKENS_PER_IMAGE = 576
"""LLaVA 1.5 sees 24 by 24 patches, whatever the size of the image."""

_IN_CACHE_KEY = (
    *("visioncraft_api_base", "tool_calling", "correct_tool_calls", "profile"),
    *("stop", "vision", "max_image_side", "output_version"),
)
"""Fields that change an answer, in addition to those that LangChain knows."""


class VisionCraftChatModel(KnownKeywords, HoldsConnections, BaseChatModel):
    """Base of the chat models."""

    # Errors of construction would otherwise quote the beginning of the input, and with it the key.
    # Validators are built at the first use of a class: those of the bases are never needed.
    model_config = ConfigDict(populate_by_name=True, hide_input_in_errors=True, defer_build=True)

    model_name: str = Field(alias="model", min_length=1)
    """A model of the family ``llm``; `list_models` returns the names."""

    visioncraft_api_key: KeyTypes = Field(default=None, alias="api_key")
    """The key. Default: ``VISIONCRAFT_API_KEY``."""

    visioncraft_api_base: str | None = Field(default=None, alias="base_url")
    """The root of the host; a trailing ``/`` or ``/v1`` is ignored. Default:
    ``VISIONCRAFT_BASE_URL``, else ``https://visioncraft.top``."""

    verify: bool | str | ssl.SSLContext = True
    """Whether TLS certificates are checked, or the path of a CA bundle, or a ready context."""

    request_timeout: Any = Field(default=None, alias="timeout")
    """Seconds: one number for the read timeout, or a pair ``(connect, read)`` in which ``None``
    waits forever. Default: connect 10, read 600."""

    max_retries: int | None = None
    """How often a failed call is retried, from 0. Default: 2."""

    deadline: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Seconds for a whole call with its retries, or for a stream to its end. Default: none;
    ``timeout`` bounds only the time between two pieces of an answer."""

    http_client: Any | None = Field(default=None, exclude=True, repr=False)
    """An ``httpx.Client`` or ``httpx2.Client`` of your own, used as it is."""

    http_async_client: Any | None = Field(default=None, exclude=True, repr=False)
    """An ``AsyncClient`` of your own. The default one may be used from any event loop."""

    vision: bool | None = None
    """Whether the model takes images. Default: as its profile or name ("VL", "vision") says."""

    store: MediaStore | None = None
    """Where handles in image blocks are looked up; a folder or an fsspec URL opens a store."""

    max_image_side: int | None = Field(default=None, ge=1)
    """Pixels: larger pictures are scaled down before they are sent, which needs Pillow (the extra
    ``images``). Links are sent unchanged."""

    correct_tool_calls: bool = True
    """Whether a prompted model is asked once more if its answer is wrong: the arguments of a call
    do not match the schema, a call is longer than ``max_tokens``, the tool is unknown, a required
    call is missing, or the answer has the wrong form. If the model repeats a call that already has
    a result since the user's last message, it is asked to answer from the results, without tools;
    switch this off for tools that are polled. Both answers count in the usage."""

    _client: VisionCraftClient | None = PrivateAttr(default=None)

    # ---- settings -----------------------------------------------------------------------------

    @field_validator("store", mode="before")
    @classmethod
    def _open_store(cls, value: Any) -> Any:
        return MediaStore(value) if isinstance(value, str | os.PathLike) else value

    @property
    def _timeout(self) -> Any:
        given = self.request_timeout
        return (given.connect, given.read) if is_from_httpx(given, "Timeout") else given

    def _resolve_settings(self) -> Settings:
        """The settings of the connection, from the fields and the environment."""
        settings = resolve(
            api_key=self.visioncraft_api_key,
            base_url=self.visioncraft_api_base,
            verify=self.verify,
            timeout=self._timeout,
            max_retries=self.max_retries,
        )
        settings.require_key()
        self._client = None
        # Bypasses __setattr__, so that a key from the environment does not count as passed in.
        self.__dict__.update(
            visioncraft_api_key=settings.api_key, visioncraft_api_base=settings.base_url
        )
        return settings

    def _resolve_model_profile(self) -> Any:
        # The inherited profile is OpenAI's, and would apply to a model called gpt-4o.
        profile = profile_of(self.model_name)
        sees = takes_images(self.model_name, self.vision)
        if sees == (profile or {}).get("image_inputs", False):
            return profile
        kinds = ("image_inputs", "image_url_inputs", "image_tool_message")
        return {**(profile or {}), **dict.fromkeys(kinds, sees)}

    # ---- calls --------------------------------------------------------------------------------

    @abstractmethod
    def _task(
        self, messages: Sequence[BaseMessage], options: dict[str, Any]
    ) -> tuple[Task, dict[str, Any]]:
        """What the request asks for, and the options to send."""

    @abstractmethod
    def _ask(self, messages: list[BaseMessage], **options: Any) -> ChatResult:
        """Send the request unchanged."""

    @abstractmethod
    async def _aask(self, messages: list[BaseMessage], **options: Any) -> ChatResult:
        """The same, async."""

    def _chunks(
        self, messages: list[BaseMessage], given: dict[str, Any]
    ) -> Iterator[ChatGenerationChunk | None]:
        """What streams, here a whole answer; ``None`` while nothing is certain."""
        yield as_chunk(self._generate(messages, **given))

    async def _achunks(
        self, messages: list[BaseMessage], given: dict[str, Any]
    ) -> AsyncGenerator[ChatGenerationChunk | None]:
        """The same, async."""
        yield as_chunk(await self._agenerate(messages, **given))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return run(self._answering(messages, kwargs, stop=stop, run_manager=run_manager))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        messages = await self._scaled(messages, kwargs)
        return await arun(self._answering(messages, kwargs, stop=stop, run_manager=run_manager))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        # Callbacks get the parsed answer, not the text that it was parsed from.
        for chunk in filter(None, self._chunks(messages, {"stop": stop, **kwargs})):
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        messages = await self._scaled(messages, kwargs)
        async with aclosing(self._achunks(messages, {"stop": stop, **kwargs})) as chunks:
            async for chunk in chunks:
                if chunk and run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                if chunk:
                    yield chunk

    def _answering(
        self, messages: list[BaseMessage], given: dict[str, Any], **more: Any
    ) -> Steps[ChatResult]:
        task, options = self._task(messages, given)
        ask = self._asking({**options, **more})
        return answer(task, messages, ask, correct=self.correct_tool_calls)

    def _asking(self, options: Mapping[str, Any], *, begun: int = 0) -> Ask:
        """Sends requests; LangChain applies the rate limiter only to the first one."""
        count, limiter = itertools.count(begun), self.rate_limiter
        watch = Watch(self.deadline)  # of all requests of a call

        def ask(messages: list[BaseMessage]) -> Steps[ChatResult]:
            if next(count) and limiter:
                yield call(limiter.acquire, limiter.aacquire, blocking=True)
            with resumed(watch):
                result: ChatResult = yield call(self._ask, self._aask, messages, **options)
            return result

        return ask

    def _model_of(self, options: Mapping[str, Any]) -> str:
        return str(options.get("model") or self.model_name)

    def _prepared(self, messages: Sequence[BaseMessage], model: str) -> list[BaseMessage]:
        """The messages, with their pictures in the only form that is sent."""
        side = self.max_image_side
        return images.prepare_messages(messages, model, self.vision, self.store, max_side=side)

    async def _scaled(
        self, messages: list[BaseMessage], options: Mapping[str, Any]
    ) -> list[BaseMessage]:
        """The messages with small pictures. To decode large ones would block the event loop."""
        if self.max_image_side is None or all(isinstance(each.content, str) for each in messages):
            return messages
        return await in_thread(self._prepared, messages, self._model_of(options))

    # ---- models and tokens --------------------------------------------------------------------

    def _clients(self) -> tuple[VisionCraftClient, AsyncVisionCraftClient]:
        """Clients of the host's other endpoints."""
        from langchain_visioncraft.client import VisionCraftClient  # noqa: PLC0415 -- only here
        from langchain_visioncraft.client.pair import client_pair  # noqa: PLC0415
        from langchain_visioncraft.client.transport import tls_context  # noqa: PLC0415

        if self._client is None:
            self._client = VisionCraftClient(
                api_key=self.visioncraft_api_key,
                base_url=self.visioncraft_api_base,
                verify=tls_context(self.verify),  # of False, a constructor has warned already
                timeout=self._timeout,
                max_retries=self.max_retries,
                deadline=self.deadline,
                max_answer_bytes=completions.MAX_ANSWER_BYTES,
                http_client=self.http_client,
                http_async_client=self.http_async_client,
            )
        (client, async_client), key = client_pair(self._client), run_key()
        return (client.with_key(key), async_client.with_key(key)) if key else (client, async_client)

    def list_models(self) -> list[str]:
        """The names of the host's chat models: ``GET /models-llm``, which needs no key.

        If the host has no such list, ``GET /v1/models`` is read instead, with the key.

        Raises:
            AuthenticationError: If the host refuses the key, or requires one for ``/models-llm``.
            VisionCraftError: If the host cannot be reached, or does not answer with such a list.
        """
        return self._clients()[0].list_names(family="llm", kind="models")

    async def alist_models(self) -> list[str]:
        """The same as `list_models`, async."""
        return await self._clients()[1].list_names(family="llm", kind="models")

    def get_token_ids(self, text: str) -> list[int]:
        """The ids of the tokens of a text, if ``custom_get_token_ids`` was given.

        Raises:
            NotImplementedError: Otherwise; `get_num_tokens` estimates without a tokenizer.
        """
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        msg = (
            f"This package has no tokenizer for {self.model_name!r}. Pass one as "
            "custom_get_token_ids=, or estimate with get_num_tokens()."
        )
        raise NotImplementedError(msg)

    def get_num_tokens(self, text: str) -> int:
        """Estimate the tokens of a text, offline; with ``custom_get_token_ids`` they are counted.

        A token is about four characters of ASCII, or one other character.
        """
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return estimate_tokens(text)

    def get_num_tokens_from_messages(
        self,
        messages: Sequence[BaseMessage],
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool] | None = None,
        *,
        allow_fetching_images: bool = True,  # noqa: ARG002 -- of OpenAI's signature
    ) -> int:
        """Estimate the tokens of a conversation, offline; an image counts as 576."""
        schemas = (json.dumps(convert_to_openai_tool(tool)) for tool in tools or ())
        return sum(map(self.get_num_tokens, schemas)) + sum(map(self._tokens_of, messages))

    def _tokens_of(self, message: BaseMessage) -> int:
        count = self.get_num_tokens
        total = TOKENS_PER_MESSAGE + (count(message.name) if message.name else 0)
        for block in message.content if isinstance(message.content, list) else [message.content]:
            if isinstance(block, str):
                total += count(block)
            elif images.is_image(block, self.store):
                total += TOKENS_PER_IMAGE
            else:
                total += count(str(block.get("text", "")))
        calls = message.tool_calls if isinstance(message, AIMessage) else ()
        return total + sum(count(call["name"] + json.dumps(call["args"])) for call in calls)

    # ---- identification -----------------------------------------------------------------------

    @property
    def model(self) -> str:
        """The same as `model_name`."""
        return self.model_name

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The fields that hold a secret, with the variables that they come from."""
        return {"visioncraft_api_key": API_KEY_VARIABLE}

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        """The part of the cache key that does not depend on the conversation."""
        own = {name: getattr(self, name, None) for name in _IN_CACHE_KEY}
        # They may hold secrets, and caches are files.
        sent = repr([getattr(self, name, None) for name in ("default_headers", "default_query")])
        marks = [own, hashlib.sha256(sent.encode()).hexdigest()]
        return f"{super()._get_llm_string(stop=stop, **kwargs)}---{marks}"

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """False: LangChain's `load` rebuilds only the classes of packages that it lists itself."""
        return False

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = PROVIDER
        params["ls_model_name"] = self._model_of(kwargs)
        return params


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text."""
    ascii_characters = sum(character.isascii() for character in text)
    return math.ceil(ascii_characters / CHARS_PER_TOKEN) + len(text) - ascii_characters
