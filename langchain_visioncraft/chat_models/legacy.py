"""`ChatVisionCraftLegacy`: ``POST /llm``, the chat endpoint of hosts before 2024-09."""

from __future__ import annotations

import os
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, field_validator, model_validator

from langchain_visioncraft._copying import HoldsConnections
from langchain_visioncraft.chat_models import completions
from langchain_visioncraft.chat_models.images import ImageRules, prepare_messages
from langchain_visioncraft.chat_models.legacy_messages import body_of, cut_at
from langchain_visioncraft.chat_models.plain import PROVIDER
from langchain_visioncraft.chat_models.profiles import profile_of
from langchain_visioncraft.chat_models.prompted_answers import PromptedAnswer
from langchain_visioncraft.chat_models.prompted_tools import OPTIONS, PromptedTools
from langchain_visioncraft.chat_models.reading import (
    Task,
    adrive,
    drive,
    one_chunk,
)
from langchain_visioncraft.chat_models.steps import answer
from langchain_visioncraft.chat_models.structured import ANSWER_FORM, Method, prompted_output
from langchain_visioncraft.chat_models.tokens import estimate_message_tokens, estimate_tokens
from langchain_visioncraft.client import AsyncVisionCraftClient, VisionCraftClient, endpoints
from langchain_visioncraft.config import API_KEY_VARIABLE, resolve
from langchain_visioncraft.errors import InvalidRequestError
from langchain_visioncraft.media.store import MediaStore

if TYPE_CHECKING:
    from langchain_core.callbacks import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )
    from langchain_core.language_models import LangSmithParams, LanguageModelInput
    from langchain_core.runnables import Runnable
    from langchain_core.tools import BaseTool

_STANDARD = ("temperature", "max_tokens")


class ChatVisionCraftLegacy(HoldsConnections, BaseChatModel):
    r"""Chat models over ``POST /llm`` (document of 2024-03), for hosts that offer nothing newer.

    ```python
    from langchain_visioncraft import ChatVisionCraftLegacy
    from visioncraft_sandbox import Sandbox

    with Sandbox() as sandbox:
        model = ChatVisionCraftLegacy(
            model="Mixtral-8x7B-Instruct-v0.1", base_url=sandbox.url, api_key="any"
        )
        answer = model.invoke("Say hello.", stop=["\n\n"])
    assert answer.text and answer.usage_metadata is None
    ```

    The document knows a model and messages, nothing else, so there is no temperature and no
    ``max_tokens``: given to the constructor they cause a warning. Stop sequences are cut on this
    side, a stream is one chunk, tools and structured output are asked for in words (as by
    `ChatVisionCraft` with ``tool_calling="prompted"``), and usage is not reported, because the
    host does not. A message carries at most one image.

    Raises:
        MissingKeyError: If there is no key, neither as ``api_key`` nor in ``VISIONCRAFT_API_KEY``.
    """

    model_config = ConfigDict(
        populate_by_name=True,
        arbitrary_types_allowed=True,
        extra="forbid",
        protected_namespaces=(),
    )

    model_name: str = Field(alias="model", min_length=1)
    """A model of the family ``llm``."""

    visioncraft_api_key: SecretStr | None = Field(default=None, alias="api_key")
    """The key. Default: ``VISIONCRAFT_API_KEY``."""

    visioncraft_api_base: str | None = Field(default=None, alias="base_url")
    """The root of the host. Default: ``VISIONCRAFT_BASE_URL``, else ``https://visioncraft.top``."""

    verify: Any = True
    """Whether TLS certificates are checked, or the path of a CA bundle, or a ready context."""

    request_timeout: Any = Field(default=None, alias="timeout")
    """Seconds: one number for the read timeout, or ``(connect, read)``. Default: 10, 600."""

    max_retries: int | None = None
    """How often a failed call is tried again, from 0. Default: 2."""

    http_client: Any | None = Field(default=None, exclude=True, repr=False)
    """An ``httpx.Client`` of your own, used as it is."""

    http_async_client: Any | None = Field(default=None, exclude=True, repr=False)
    """An ``httpx.AsyncClient`` of your own."""

    stop: list[str] | str | None = None
    """Where answers end, if a call says nothing else."""

    vision: bool | None = None
    """Whether the model takes images. Default: if its profile says so, or its name "llava"."""

    store: MediaStore | None = None
    """Where handles in image blocks are looked up; a folder or an fsspec URL opens a store."""

    max_image_side: int | None = Field(default=None, ge=1)
    """Pixels: larger pictures are made smaller before they are sent, which takes Pillow."""

    tool_prompt: Literal["full", "simple"] = "full"
    """As in `ChatVisionCraft`."""

    correct_tool_calls: bool = True
    """As in `ChatVisionCraft`."""

    _client: VisionCraftClient | None = PrivateAttr(default=None)
    _async_client: AsyncVisionCraftClient | None = PrivateAttr(default=None)

    # ---- construction -----------------------------------------------------------------------

    @model_validator(mode="before")
    @classmethod
    def _drop_what_the_endpoint_does_not_know(cls, values: Any) -> Any:
        """LangChain's standard parameters may be given to any chat model."""
        if not isinstance(values, dict):
            return values
        unknown = [name for name in _STANDARD if values.get(name) is not None]
        if unknown:
            warnings.warn(
                f"{' and '.join(unknown)} has no effect: POST /llm knows model and messages.",
                UserWarning,
                stacklevel=4,
            )
        return {k: v for k, v in values.items() if k not in (*_STANDARD, "streaming")}

    @field_validator("store", mode="before")
    @classmethod
    def _open_store(cls, value: Any) -> Any:
        return MediaStore(value) if isinstance(value, str | os.PathLike) else value

    @model_validator(mode="after")
    def _check_connection(self) -> Self:
        self._rebuild()
        if self.profile is None:  # langchain-core fills it in only in later versions
            self.__dict__["profile"] = self._resolve_model_profile()
        return self

    def _rebuild(self) -> None:
        settings = resolve(
            api_key=self.visioncraft_api_key,
            base_url=self.visioncraft_api_base,
            verify=self.verify,
            timeout=self.request_timeout,
            max_retries=self.max_retries,
        )
        settings.require_key()
        # Past __setattr__, so that a key from the environment does not count as passed in.
        self.__dict__.update(
            visioncraft_api_key=settings.api_key, visioncraft_api_base=settings.base_url
        )
        self._client = self._async_client = None

    def _resolve_model_profile(self) -> Any:
        return profile_of(self.model_name)

    def _settings(self) -> dict[str, Any]:
        return {
            "api_key": self.visioncraft_api_key,
            "base_url": self.visioncraft_api_base,
            "verify": self.verify,
            "timeout": self.request_timeout,
            "max_retries": self.max_retries,
            "max_answer_bytes": completions.MAX_ANSWER_BYTES,
        }

    def _sync(self) -> VisionCraftClient:
        if self._client is None:
            self._client = VisionCraftClient(**self._settings(), http_client=self.http_client)
        return self._client

    def _async(self) -> AsyncVisionCraftClient:
        if self._async_client is None:
            self._async_client = AsyncVisionCraftClient(
                **self._settings(), http_async_client=self.http_async_client
            )
        return self._async_client

    # ---- calls --------------------------------------------------------------------------------

    def _task(self, messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> Task:
        known = {*OPTIONS, ANSWER_FORM, "model", "stream"}
        unknown = sorted(name for name in options if name not in known)
        if unknown:
            msg = (
                f"Nothing was sent. {', '.join(map(repr, unknown))}: POST /llm takes a model and "
                "messages, nothing else. ChatVisionCraft has such parameters."
            )
            raise InvalidRequestError(msg)
        if options.get(ANSWER_FORM) is not None:
            return PromptedAnswer(options[ANSWER_FORM])
        return PromptedTools.of(options, messages, simple=self.tool_prompt == "simple")

    def _request(self, messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> Any:
        model = str(options.get("model") or self.model_name)
        rules = ImageRules(
            model=model, vision=self.vision, store=self.store, max_side=self.max_image_side
        )
        body = body_of(prepare_messages(messages, rules))
        return endpoints.legacy_chat(model=model, messages=body)

    def _result(self, text: str, stop: list[str] | None, options: Mapping[str, Any]) -> ChatResult:
        own = [self.stop] if isinstance(self.stop, str) else self.stop
        facts = {
            "model_name": str(options.get("model") or self.model_name),
            "model_provider": PROVIDER,
        }
        message = AIMessage(
            cut_at(text, own if stop is None else stop), response_metadata=dict(facts)
        )
        return ChatResult(generations=[ChatGeneration(message=message)], llm_output=facts)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 -- nothing to tell it
        **kwargs: Any,
    ) -> ChatResult:
        task = self._task(messages, kwargs)

        def ask(conversation: list[BaseMessage]) -> ChatResult:
            text = self._sync().run(self._request(conversation, kwargs))
            return self._result(text, stop, kwargs)

        return drive(answer(task, messages, correct=self.correct_tool_calls), ask)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 -- as above
        **kwargs: Any,
    ) -> ChatResult:
        task = self._task(messages, kwargs)

        async def ask(conversation: list[BaseMessage]) -> ChatResult:
            text = await self._async().run(self._request(conversation, kwargs))
            return self._result(text, stop, kwargs)

        return await adrive(answer(task, messages, correct=self.correct_tool_calls), ask)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        chunk = one_chunk(self._generate(messages, stop, run_manager, **kwargs))
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
        chunk = one_chunk(await self._agenerate(messages, stop, run_manager, **kwargs))
        if run_manager:
            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
        yield chunk

    # ---- tools and answers in a form ----------------------------------------------------------

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: dict[str, Any] | str | bool | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools, in words; the arguments mean what they do in `ChatVisionCraft`."""
        options = {"tool_choice": tool_choice, "parallel_tool_calls": parallel_tool_calls}
        given = {name: value for name, value in options.items() if value is not None}
        formatted = [convert_to_openai_tool(tool, strict=strict) for tool in tools]
        return self.bind(tools=formatted, **given, **kwargs)

    def with_structured_output(
        self,
        schema: Any,
        *,
        include_raw: bool = False,
        method: Method = "prompted",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """A model that answers with objects, because it is told to.

        Args:
            schema: A pydantic class, a ``TypedDict`` or a JSON schema.
            include_raw: Whether to give ``{"raw", "parsed", "parsing_error"}``.
            method: All mean ``prompted`` here: the endpoint knows no other.
            strict: Nothing can be forced here.
            kwargs: Bound to the calls.
        """
        del method
        return prompted_output(self.bind, schema, include_raw=include_raw, strict=strict, **kwargs)

    # ---- models, tokens, and who this is ------------------------------------------------------

    def list_models(self) -> list[str]:
        """The names of the host's chat models: ``GET /models-llm``."""
        return self._sync().run(endpoints.list_names(family="llm", kind="models"))

    async def alist_models(self) -> list[str]:
        """The same as `list_models`, async."""
        return await self._async().run(endpoints.list_names(family="llm", kind="models"))

    def get_num_tokens(self, text: str) -> int:
        """Estimate the tokens of a text, offline."""
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return estimate_tokens(text)

    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """Estimate the tokens of a conversation, offline; an image counts as 576."""
        schemas = [convert_to_openai_tool(tool) for tool in tools or ()]
        return estimate_message_tokens(messages, schemas, self.get_num_tokens)

    @property
    def _llm_type(self) -> str:
        return "visioncraft-chat-legacy"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "base_url": self.visioncraft_api_base}

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The fields that hold a secret, with the variables that they come from."""
        return {"visioncraft_api_key": API_KEY_VARIABLE}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = PROVIDER
        params["ls_model_name"] = str(kwargs.get("model") or self.model_name)
        return params
