"""`ChatVisionCraft`: the service's OpenAI-compatible chat endpoint as a LangChain chat model."""

from __future__ import annotations

import json
import ssl
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import openai
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_openai.chat_models.base import BaseChatOpenAI
from pydantic import Field, PrivateAttr, SecretStr, field_validator, model_validator
from typing_extensions import Self

from langchain_visioncraft._compat import is_from_httpx
from langchain_visioncraft.chat_models import parameters
from langchain_visioncraft.chat_models.connection import VERSION, connect
from langchain_visioncraft.chat_models.errors import CHAT_ENDPOINT, Boundary, both
from langchain_visioncraft.chat_models.images import prepare_messages
from langchain_visioncraft.chat_models.tokens import estimate_message_tokens, estimate_tokens
from langchain_visioncraft.config import API_KEY_VARIABLE, Timeout, resolve
from langchain_visioncraft.errors import InvalidRequestError, UnexpectedAnswerError

if TYPE_CHECKING:
    from langchain_core.callbacks import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )
    from langchain_core.language_models import LanguageModelInput, LangSmithParams, ModelProfile
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable
    from langchain_core.tools import BaseTool

PROVIDER = "visioncraft"

_CLIENTS = ("client", "async_client", "root_client", "root_async_client")
_CONNECTION = frozenset(
    {
        *("visioncraft_api_key", "visioncraft_api_base", "verify", "request_timeout"),
        *("max_retries", "http_client", "http_async_client", "default_headers", "default_query"),
    }
)
_MODELS_ENDPOINT = "GET /models-llm"

_NOT_HERE = {
    "openai_api_key": "Pass api_key=, or set VISIONCRAFT_API_KEY.",
    "openai_api_base": "Pass base_url=, or set VISIONCRAFT_BASE_URL.",
    "openai_organization": "VisionCraft has no organizations.",
    "organization": "VisionCraft has no organizations.",
    "openai_proxy": "Pass http_client= and http_async_client= with a proxy.",
    "http_socket_options": "Pass http_client= and http_async_client= with such a transport.",
    "use_responses_api": "VisionCraft has no Responses API.",
}
"""Settings of OpenAI's class that would be without effect, and what to do instead."""


class _Unconnected:
    """Keeps the inherited class from building clients of its own, with OpenAI's settings."""


_UNCONNECTED = _Unconnected()


class ChatVisionCraft(BaseChatOpenAI):
    """Chat models of VisionCraft: ``POST /v1/chat/completions`` (document of 2024-09).

    ```python
    from langchain_visioncraft import ChatVisionCraft
    from langchain_visioncraft.sandbox import Sandbox

    with Sandbox() as sandbox:
        model = ChatVisionCraft(
            model="Llama-3.1-8B-Instruct", base_url=sandbox.url, api_key="any", top_k=40
        )
        answer = model.invoke("Say hello.")
        pieces = [chunk.text for chunk in model.stream("Say hello.")]
    assert answer.text and answer.usage_metadata["output_tokens"] > 0
    assert "".join(pieces)
    ```

    Parameters are checked when the model is built (pydantic's ``ValidationError``) and at every
    call (`InvalidRequestError`, nothing is sent). Where none is given the host decides.

    Every failure of a call is raised as this package's error (`langchain_visioncraft.errors`) with
    its facts, and is at the same time what OpenAI's SDK and langchain-openai would have raised, so
    ``except openai.RateLimitError`` works as well. Retries are the SDK's own: `max_retries` times
    after connection failures, timeouts, 408, 409, 429 and 5xx, honouring ``Retry-After``. A
    generation that ran into the read timeout may be paid for twice: ``max_retries=0`` avoids it.

    Nothing of another service is used or sent: ``OPENAI_*`` variables change nothing. A model can
    be pickled and copied. An explicit key is part of the pickle; a key from the environment is
    not, and is read again where the pickle is loaded.

    Raises:
        MissingKeyError: If there is no key, neither as ``api_key`` nor in ``VISIONCRAFT_API_KEY``.
            It is raised as it is, not as pydantic's ``ValidationError``.
    """

    client: Any = Field(default=_UNCONNECTED, exclude=True, repr=False)
    async_client: Any = Field(default=_UNCONNECTED, exclude=True, repr=False)
    root_client: Any = Field(default=None, exclude=True, repr=False)
    root_async_client: Any = Field(default=None, exclude=True, repr=False)

    model_name: str = Field(alias="model", min_length=1)
    """A model of the family ``llm``; `list_models` gives the names."""

    visioncraft_api_key: SecretStr | None = Field(default=None, alias="api_key")
    """The key. Default: ``VISIONCRAFT_API_KEY``."""

    visioncraft_api_base: str | None = Field(default=None, alias="base_url")
    """The root of the host; a trailing ``/`` or ``/v1`` means the same. Default:
    ``VISIONCRAFT_BASE_URL``, else ``https://visioncraft.top``."""

    verify: bool | str | ssl.SSLContext = True
    """Whether TLS certificates are checked, or the path of a CA bundle, or a ready context."""

    request_timeout: Any = Field(default=None, alias="timeout")
    """Seconds: one number for the read timeout, or a pair ``(connect, read)`` in which ``None``
    waits forever. Default: connect 10, read 600."""

    max_retries: int | None = None
    """How often a failed call is tried again, from 0. Default: 2."""

    http_client: Any | None = Field(default=None, exclude=True, repr=False)
    """An ``httpx.Client`` or ``httpx2.Client`` of your own, used as it is."""

    http_async_client: Any | None = Field(default=None, exclude=True, repr=False)
    """An ``AsyncClient`` of your own. The default one may be used from any event loop."""

    temperature: float | None = None
    """0 to 100; the host's default is 0.7."""

    top_p: float | None = None
    """0 to 1; the host's default is 0.9."""

    top_k: int | None = None
    """0 to 99999; the host's default is 0. Sent in ``extra_body``."""

    repetition_penalty: float | None = None
    """0.01 to 5; the host's default is 1. Sent in ``extra_body``."""

    presence_penalty: float | None = None
    """-2 to 2; the host's default is 0."""

    frequency_penalty: float | None = None
    """-2 to 2; the host's default is 0."""

    max_tokens: int | None = None
    """Longest answer in tokens, 1 to 100000. Less than the documented minimum of 128 is sent as
    128, with one warning an instance."""

    vision: bool | None = None
    """Whether the model takes images. Default: if its name contains "llava"."""

    stream_usage: bool | None = True
    """Whether a stream ends with usage metadata. A host that knows no ``stream_options`` needs
    ``False``."""

    stream_chunk_timeout: float | None = Field(default=None, exclude=True)
    """Seconds between two chunks of an async stream; by default only `timeout` counts."""

    use_responses_api: bool | None = False
    """Always false: VisionCraft offers chat completions only."""

    # What follows is inherited, and without a meaning here: it never holds a value, so that
    # nothing from OPENAI_* variables gets into a dump or a pickle.
    openai_api_key: None = Field(default=None, exclude=True, repr=False)
    openai_api_base: None = Field(default=None, exclude=True, repr=False)
    openai_organization: None = Field(default=None, exclude=True, repr=False)
    openai_proxy: None = Field(default=None, exclude=True, repr=False)
    http_socket_options: Any = Field(default=(), exclude=True, repr=False)

    _raised_max_tokens: bool = PrivateAttr(default=False)

    # ---- construction -------------------------------------------------------------------------

    @model_validator(mode="before")
    @classmethod
    def _refuse_settings_of_openai(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        for name, advice in _NOT_HERE.items():
            if values.get(name):
                msg = f"{name} is a setting of OpenAI. {advice}"
                raise InvalidRequestError(msg)
        return values

    @model_validator(mode="wrap")
    @classmethod
    def _keep_temperature_as_given(cls, values: Any, handler: Callable[[Any], Self]) -> Self:
        """The inherited class changes it for names that begin with ``gpt-5`` or ``o1``."""
        given = dict(values) if isinstance(values, dict) else None
        model = handler(values)
        if given is not None and model.temperature != given.get("temperature"):
            temperature = given.get("temperature")
            parameters.check({"temperature": temperature})
            model.__dict__["temperature"] = None if temperature is None else float(temperature)
        return model

    @field_validator(*sorted(parameters.DOCUMENTED))
    @classmethod
    def _check_documented_bounds(cls, value: Any, info: Any) -> Any:
        parameters.check({info.field_name: value})
        return value

    @field_validator("extra_body")
    @classmethod
    def _check_bounds_in_extra_body(cls, value: Any) -> Any:
        parameters.check({"extra_body": value})
        return value

    @field_validator("model_kwargs")
    @classmethod
    def _check_bounds_in_model_kwargs(cls, value: dict[str, Any]) -> dict[str, Any]:
        parameters.check(value)
        return value

    @model_validator(mode="after")
    def _connect_to_visioncraft(self) -> Self:
        # The inherited validators, which read OPENAI_* variables, have run before this one.
        self.__dict__.update(
            openai_api_key=None, openai_api_base=None, openai_organization=None, openai_proxy=None
        )
        self._connect()
        add_version = getattr(self, "_add_version", None)  # not in langchain-core before 1.3
        if add_version is not None:
            add_version("langchain-visioncraft", VERSION)
        return self

    def _connect(self) -> None:
        timeout = self.request_timeout
        if is_from_httpx(timeout, "Timeout"):
            timeout = (timeout.connect, timeout.read)
        settings = resolve(
            api_key=self.visioncraft_api_key,
            base_url=self.visioncraft_api_base,
            verify=self.verify,
            timeout=timeout,
            max_retries=self.max_retries,
        )
        connection = connect(
            settings,
            http_client=self.http_client,
            http_async_client=self.http_async_client,
            headers=self.default_headers,
            query=self.default_query,
        )
        # Past __setattr__, so that a key from the environment does not count as passed in.
        self.__dict__.update(
            visioncraft_api_key=settings.api_key,
            visioncraft_api_base=settings.base_url,
            root_client=connection.client,
            client=connection.client.chat.completions,
            root_async_client=connection.async_client,
            async_client=connection.async_client.chat.completions,
        )

    # ---- copies and pickles -------------------------------------------------------------------

    def __getstate__(self) -> dict[Any, Any]:
        if self.http_client is not None or self.http_async_client is not None:
            msg = (
                "A ChatVisionCraft with an http_client or http_async_client of your own cannot be "
                "pickled, because connections cannot. Build the model where it is used."
            )
            raise TypeError(msg)
        state = super().__getstate__()
        values = {name: held for name, held in state["__dict__"].items() if name not in _CLIENTS}
        if "visioncraft_api_key" not in self.model_fields_set:
            values["visioncraft_api_key"] = None
        return {**state, "__dict__": values}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        self._connect()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        # Connections and what limits or watches them are shared: they hold locks and sockets.
        memo = {} if memo is None else memo
        for name in (*_CLIENTS, "http_client", "http_async_client", "rate_limiter", "verify"):
            shared = self.__dict__.get(name)
            memo[id(shared)] = shared
        return super().__deepcopy__(memo)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy; the copy talks to the host, and with the key, that `update` gives it."""
        copied = super().model_copy(update=update, deep=deep)
        if update and not _CONNECTION.isdisjoint(update):
            copied._connect()  # noqa: SLF001 -- of the same class
        return copied

    # ---- the request --------------------------------------------------------------------------

    @property
    def _default_params(self) -> dict[str, Any]:
        inherited = super()._default_params
        # What the inherited class would send to the Responses API alone.
        params = {
            name: value
            for name, value in inherited.items()
            if name not in parameters.RESPONSES_ONLY
        }
        own = {name: getattr(self, name) for name in parameters.EXTRA}
        return parameters.fold({**params, **{k: v for k, v in own.items() if v is not None}})

    def _get_request_payload(
        self,
        input_: LanguageModelInput,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        parameters.check(kwargs)
        model = kwargs.get("model") or self.model_name
        messages = prepare_messages(
            self._convert_input(input_).to_messages(), model=model, vision=self.vision
        )
        options = parameters.fold(kwargs, self._default_params.get("extra_body"))
        # Set even if empty: otherwise the instance's would come back.
        options.setdefault("extra_body", None)
        try:
            payload = super()._get_request_payload(messages, stop=stop, **options)
        except (ValueError, TypeError, KeyError) as error:
            kind = both(InvalidRequestError, type(error))
            msg = f"Nothing was sent: the messages cannot be brought to OpenAI's form ({error})."
            raise kind(msg) from error
        payload = {
            name: value
            for name, value in payload.items()
            if value is not None
            or name not in (*parameters.DOCUMENTED, "extra_body", "stop", "model")
        }
        parameters.refuse_unknown(payload, CHAT_ENDPOINT)
        return self._with_enough_tokens(payload)

    def _with_enough_tokens(self, payload: dict[str, Any]) -> dict[str, Any]:
        if not parameters.is_below_minimum(payload.get("max_tokens")):
            return payload
        if not self._raised_max_tokens:
            self._raised_max_tokens = True
            warnings.warn(
                f"max_tokens={payload['max_tokens']} is sent as {parameters.MIN_MAX_TOKENS}, the "
                "documented minimum; answers may be longer than you asked for.",
                UserWarning,
                stacklevel=2,
            )
        return {**payload, "max_tokens": parameters.MIN_MAX_TOKENS}

    def bind(self, **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind parameters of calls; those with documented bounds are checked now.

        Raises:
            InvalidRequestError: If one is out of its bounds.
        """
        parameters.check(kwargs)
        return super().bind(**kwargs)

    def _use_responses_api(self, payload: dict[str, Any]) -> bool:  # noqa: ARG002
        # Neither LC_OUTPUT_VERSION, nor a name with "codex", nor a tool that is no function.
        return False

    @property
    def _uses_gateway(self) -> bool:
        return False

    # ---- calls --------------------------------------------------------------------------------

    def _boundary(self, **facts: Any) -> Boundary:
        key = self.visioncraft_api_key.get_secret_value() if self.visioncraft_api_key else ""
        return Boundary(base_url=self.visioncraft_api_base or "", key=key, **facts)

    def _model_of(self, kwargs: Mapping[str, Any]) -> str:
        return str(kwargs.get("model") or self.model_name)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with self._boundary(model=self._model_of(kwargs))():
            return super()._generate(messages, stop, run_manager, **kwargs)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with self._boundary(model=self._model_of(kwargs))():
            return await super()._agenerate(messages, stop, run_manager, **kwargs)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        some = False
        with self._boundary(model=self._model_of(kwargs))():
            for chunk in super()._stream(messages, stop, run_manager, **kwargs):
                some = True
                yield chunk
        if not some:
            raise self._nothing_streamed()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        some = False
        with self._boundary(model=self._model_of(kwargs))():
            async for chunk in super()._astream(messages, stop, run_manager, **kwargs):
                some = True
                yield chunk
        if not some:
            raise self._nothing_streamed()

    def _nothing_streamed(self) -> UnexpectedAnswerError:
        return UnexpectedAnswerError(
            f"{CHAT_ENDPOINT} on {self.visioncraft_api_base} answered 200, but streamed nothing. "
            "If the host does not stream, use disable_streaming=True.",
            status=200,
            endpoint=CHAT_ENDPOINT,
            base_url=self.visioncraft_api_base,
        )

    # ---- the answer ---------------------------------------------------------------------------

    def _create_chat_result(
        self,
        response: dict[str, Any] | openai.BaseModel,
        generation_info: dict[str, Any] | None = None,
    ) -> ChatResult:
        result = super()._create_chat_result(response, generation_info)
        result.llm_output = {**(result.llm_output or {}), "model_provider": PROVIDER}
        for generation in result.generations:
            generation.message.response_metadata["model_provider"] = PROVIDER
        return result

    def _convert_chunk_to_generation_chunk(
        self,
        chunk: dict[str, Any],
        default_chunk_class: type,
        base_generation_info: dict[str, Any] | None,
    ) -> ChatGenerationChunk | None:
        converted = super()._convert_chunk_to_generation_chunk(
            chunk, default_chunk_class, base_generation_info
        )
        if converted is not None:
            converted.message.response_metadata["model_provider"] = PROVIDER
        return converted

    # ---- models and tokens --------------------------------------------------------------------

    def list_models(self) -> list[str]:
        """The names of the host's chat models: ``GET /models-llm``, which needs no key.

        Raises:
            VisionCraftError: If the host cannot be asked, or does not answer with such a list.
        """
        with self._boundary(endpoint=_MODELS_ENDPOINT)():
            answer = self.root_client.get(
                f"{self.visioncraft_api_base}/models-llm", cast_to=object, options=_without_key()
            )
        return self._names(answer)

    async def alist_models(self) -> list[str]:
        """The same as `list_models`, async."""
        with self._boundary(endpoint=_MODELS_ENDPOINT)():
            answer = await self.root_async_client.get(
                f"{self.visioncraft_api_base}/models-llm", cast_to=object, options=_without_key()
            )
        return self._names(answer)

    def _names(self, answer: Any) -> list[str]:
        if isinstance(answer, str):
            try:
                answer = json.loads(answer)
            except ValueError:
                answer = None
        if isinstance(answer, list) and all(isinstance(name, str) for name in answer):
            return answer
        raise UnexpectedAnswerError(
            f"{_MODELS_ENDPOINT} on {self.visioncraft_api_base} answered with something that is "
            "not a list of names.",
            status=200,
            endpoint=_MODELS_ENDPOINT,
            base_url=self.visioncraft_api_base,
        )

    def get_token_ids(self, text: str) -> list[int]:
        """The ids of the tokens of a text, if ``custom_get_token_ids`` was given.

        Raises:
            NotImplementedError: Otherwise: the tokenizers of the models are not part of this
                package. `get_num_tokens` estimates without them.
        """
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        msg = (
            f"No tokenizer for {self.model_name!r} is part of this package. Pass one as "
            "custom_get_token_ids=, or estimate with get_num_tokens()."
        )
        raise NotImplementedError(msg)

    def get_num_tokens(self, text: str) -> int:
        """Estimate the tokens of a text, offline: see `langchain_visioncraft.chat_models.tokens`.

        With ``custom_get_token_ids`` they are counted.
        """
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return estimate_tokens(text)

    def get_num_tokens_from_messages(
        self,
        messages: Sequence[BaseMessage],
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool] | None = None,
        *,
        allow_fetching_images: bool = True,  # noqa: ARG002 -- of the inherited signature
    ) -> int:
        """Estimate the tokens of a conversation, offline; an image counts as 576."""
        schemas = [convert_to_openai_tool(tool) for tool in tools or ()]
        return estimate_message_tokens(messages, schemas, self.get_num_tokens)

    # ---- who this is --------------------------------------------------------------------------

    @property
    def _llm_type(self) -> str:
        return "visioncraft-chat"

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The fields that hold a secret, with the variables that they come from."""
        return {"visioncraft_api_key": API_KEY_VARIABLE}

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """False: LangChain's `load` rebuilds only the classes of packages that it lists itself."""
        return False

    def _resolve_model_profile(self) -> ModelProfile | None:
        # The inherited one is OpenAI's, and would apply to a model called gpt-4o.
        return None

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = PROVIDER
        return params


def _without_key() -> Any:
    return {"headers": {"Authorization": openai.Omit()}}
