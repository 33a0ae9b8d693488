"""OpenAI's chat model connected to VisionCraft: fields, requests, calls, answers."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_openai.chat_models.base import BaseChatOpenAI
from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from langchain_visioncraft.chat_models import parameters
from langchain_visioncraft.chat_models.answers import BEYOND_TEXT
from langchain_visioncraft.chat_models.common import PROVIDER, VisionCraftChatModel
from langchain_visioncraft.chat_models.connection import connect
from langchain_visioncraft.chat_models.errors import CHAT_ENDPOINT, Boundary, as_both
from langchain_visioncraft.chat_models.history import without_invalid_calls
from langchain_visioncraft.chat_models.normalizing import REASONING, readable
from langchain_visioncraft.chat_models.response_formats import as_sent
from langchain_visioncraft.client.transport import BAD_PROXY
from langchain_visioncraft.config import as_secret
from langchain_visioncraft.context import run_key
from langchain_visioncraft.errors import InvalidRequestError
from langchain_visioncraft.version import __version__

if TYPE_CHECKING:
    from langchain_core.language_models import LanguageModelInput

_NOT_HERE = {
    "openai_api_key": "Pass api_key=, or set VISIONCRAFT_API_KEY.",
    "openai_api_base": "Pass base_url=, or set VISIONCRAFT_BASE_URL.",
    "openai_organization": "VisionCraft has no organizations.",
    "organization": "VisionCraft has no organizations.",
    "openai_proxy": "Pass http_client= and http_async_client= with a proxy.",
    "http_socket_options": "Pass http_client= and http_async_client= with such a transport.",
    "use_responses_api": "VisionCraft has no Responses API.",
}
"""Settings of OpenAI's class that would have no effect, and what to do instead."""


_LONG_PIECE = 256
"""How many characters of arguments LangChain may parse by themselves."""

_UNCONNECTED: Any = object()
"""Keeps the inherited class from building clients of its own, with OpenAI's settings."""


class VisionCraftConnectedModel(VisionCraftChatModel, BaseChatOpenAI):  # type: ignore[misc]  # fields of OpenAI's with other types
    """OpenAI's chat model connected to VisionCraft, with the parameters that it documents.

    All validators have unique names: in pydantic, a validator silently replaces an inherited one
    with the same name.
    """

    _more_keywords: ClassVar[tuple[str, ...]] = tuple(_NOT_HERE)
    _derived: ClassVar[tuple[str, ...]] = (
        *("client", "async_client", "root_client", "root_async_client"),
    )

    client: Any = Field(default=_UNCONNECTED, exclude=True, repr=False)
    async_client: Any = Field(default=_UNCONNECTED, exclude=True, repr=False)
    root_client: Any = Field(default=None, exclude=True, repr=False)
    root_async_client: Any = Field(default=None, exclude=True, repr=False)

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
    """Longest answer in tokens, 1 to 100000. Values below the documented minimum of 128 are sent as
    128, with one warning per instance."""

    stream_usage: bool | None = True
    """Whether a stream ends with usage metadata. Set ``False`` for a host that does not support
    ``stream_options``."""

    stream_chunk_timeout: float | None = Field(default=None, exclude=True)
    """Seconds between two chunks of an async stream; by default only `timeout` counts."""

    use_responses_api: bool | None = False
    """Always false: VisionCraft offers chat completions only."""

    # These inherited fields have no meaning here and never hold a value, so that nothing from
    # OPENAI_* variables gets into a dump or a pickle.
    openai_api_key: None = Field(default=None, exclude=True, repr=False)
    openai_api_base: None = Field(default=None, exclude=True, repr=False)
    openai_organization: None = Field(default=None, exclude=True, repr=False)
    openai_proxy: None = Field(default=None, exclude=True, repr=False)
    http_socket_options: Any = Field(default=(), exclude=True, repr=False)

    _raised_max_tokens: bool = PrivateAttr(default=False)

    # ---- construction -------------------------------------------------------------------------

    @classmethod
    def _place_of_keyword(cls, name: str, *, near: bool) -> str:
        known = name in parameters.known_to_sdk()
        if near and not known:
            return ""
        place = "model_kwargs" if known else "extra_body"
        return f"A parameter of the request goes into {place}={{{name!r}: …}}."

    if not TYPE_CHECKING:  # type checkers would no longer see the fields

        def __init__(self, **values: Any) -> None:
            said = ""
            try:
                super().__init__(**values)
            except ValidationError as error:
                said = str(error.errors()[0].get("ctx", {}).get("error"))
                if not said.startswith(BAD_PROXY):
                    raise
            finally:
                del values
            if said:  # not an error of the fields, all of which pydantic's error would hold
                raise InvalidRequestError(said)

    @model_validator(mode="before")
    @classmethod
    def _refuse_settings_of_openai(cls, values: Any) -> Any:
        for name, advice in _NOT_HERE.items():
            if isinstance(values, dict) and values.get(name):
                msg = f"{name} is a setting of OpenAI. {advice}"
                raise InvalidRequestError(msg)
        return values

    @model_validator(mode="wrap")
    @classmethod
    def _undo_what_names_of_openai_change(cls, values: Any, handler: Callable[[Any], Self]) -> Self:
        """The inherited class changes temperature and profile for names like ``gpt-5``, ``o1``."""
        if not isinstance(values, dict):
            return handler(values)
        profile, temperature = values.get("profile"), values.get("temperature")
        model = handler(values)
        if profile is None and "profile" in model.__dict__:
            model.__dict__["profile"] = model._resolve_model_profile()
        if model.temperature != temperature:
            parameters.check({"temperature": temperature})
            model.__dict__["temperature"] = None if temperature is None else float(temperature)
        return model

    @field_validator(*sorted(parameters.DOCUMENTED), "extra_body", "model_kwargs")
    @classmethod
    def _check_documented_bounds(cls, value: Any, info: Any) -> Any:
        name = info.field_name
        parameters.check(value if name == "model_kwargs" else {name: value})
        return value

    @model_validator(mode="after")
    def _connect_to_visioncraft(self) -> Self:
        # The inherited validators, which read OPENAI_* variables, have run before this one.
        self.__dict__.update(
            openai_api_key=None, openai_api_base=None, openai_organization=None, openai_proxy=None
        )
        self._rebuild()
        add_version = getattr(self, "_add_version", None)  # not in langchain-core before 1.3
        if add_version is not None:
            add_version("langchain-visioncraft", __version__)
        return self

    def _rebuild(self) -> None:
        client, async_client = connect(self._resolve_settings(), self)
        self.__dict__.update(
            root_client=client,
            client=client.chat.completions,
            root_async_client=async_client,
            async_client=async_client.chat.completions,
        )

    # ---- the request --------------------------------------------------------------------------

    @property
    def _default_params(self) -> dict[str, Any]:
        inherited = super()._default_params
        params = {
            name: value for name, value in inherited.items() if name not in parameters.NEVER_SENT
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
        said = without_invalid_calls(self._convert_input(input_).to_messages())
        messages = self._prepared(said, self._model_of(kwargs))
        options = parameters.fold(kwargs, self._default_params.get("extra_body"))
        # Set even if empty: otherwise the instance's value would be used.
        options.setdefault("extra_body", None)
        try:
            payload = super()._get_request_payload(messages, stop=stop, **options)
        except (ValueError, TypeError, KeyError) as error:
            msg = f"Nothing was sent: the messages do not fit OpenAI's form ({error})."
            raise as_both(InvalidRequestError(msg), error) from error
        payload = {
            name: value
            for name, value in payload.items()
            if value is not None
            or name not in (*parameters.DOCUMENTED, "extra_body", "stop", "model")
        }
        if (given := payload.pop("response_format", None)) is not None:
            # Bypasses the SDK, which would parse the answer itself and raise errors of its own.
            form = as_sent(given)
            payload["extra_body"] = {**(payload.get("extra_body") or {}), "response_format": form}
        parameters.refuse_unknown(payload, CHAT_ENDPOINT)
        return self._with_enough_tokens(parameters.without_empty_tools(payload))

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

    def bind(self, **kwargs: Any) -> Any:
        """Bind parameters of calls; those with documented bounds are checked now.

        Raises:
            InvalidRequestError: If one is out of its bounds.
        """
        parameters.check(kwargs)
        return super().bind(**kwargs)

    def _use_responses_api(self, payload: dict[str, Any]) -> bool:  # noqa: ARG002
        # Neither LC_OUTPUT_VERSION, nor a name with "codex", nor a tool that is not a function.
        return False

    @property
    def _uses_gateway(self) -> bool:
        return False

    # ---- calls --------------------------------------------------------------------------------

    def _boundary(self, options: Mapping[str, Any]) -> Boundary:
        own = as_secret(run_key() or self.visioncraft_api_key)
        key = own.get_secret_value() if own else ""
        base_url = self.visioncraft_api_base or ""
        return Boundary(base_url=base_url, key=key, model=self._model_of(options))

    def _ask(self, messages: list[BaseMessage], **options: Any) -> ChatResult:
        with self._boundary(options)():
            return super(VisionCraftChatModel, self)._generate(messages, **options)

    async def _aask(self, messages: list[BaseMessage], **options: Any) -> ChatResult:
        with self._boundary(options)():
            return await super(VisionCraftChatModel, self)._agenerate(messages, **options)

    # ---- the answer ---------------------------------------------------------------------------

    def _create_chat_result(
        self,
        response: Any,
        generation_info: dict[str, Any] | None = None,
    ) -> ChatResult:
        with readable():
            result = super()._create_chat_result(response, generation_info)
        result.llm_output = {**(result.llm_output or {}), "model_provider": PROVIDER}
        for generation, choice in zip(result.generations, response["choices"], strict=True):
            message = generation.message
            message.response_metadata["model_provider"] = PROVIDER
            message.additional_kwargs |= _beside_content(choice["message"])
        return result

    def _convert_chunk_to_generation_chunk(
        self,
        chunk: dict[str, Any],
        default_chunk_class: type,
        base_generation_info: dict[str, Any] | None,
    ) -> ChatGenerationChunk | None:
        with readable():
            long = _taken_aside(chunk)
            converted = super()._convert_chunk_to_generation_chunk(
                chunk, default_chunk_class, base_generation_info
            )
        if converted is not None:
            for part in getattr(converted.message, "tool_call_chunks", ()) if long else ():
                part["args"] = long.get(part["index"], part["args"])
            converted.message.response_metadata["model_provider"] = PROVIDER
            if self.output_version == "v1":
                _set_apart(converted.message)
            for choice in chunk["choices"][:1]:
                converted.message.additional_kwargs |= _beside_content(choice["delta"])
        return converted

    @property
    def _llm_type(self) -> str:
        return "visioncraft-chat"


def _beside_content(message: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a message, or of a chunk, that some versions of LangChain do not read."""
    return {name: message[name] for name in (REASONING, "refusal") if message.get(name)}


def _set_apart(message: Any) -> None:
    """Number blocks and calls, which LangChain would merge with each other and with text."""
    for block in message.content if isinstance(message.content, list) else ():
        if isinstance(block, dict) and block.get("type") != "text":
            block["index"] = f"lc_{uuid.uuid4().hex}"
    for part in getattr(message, "tool_call_chunks", ()):
        part["index"] += BEYOND_TEXT


def _taken_aside(chunk: Mapping[str, Any]) -> dict[int, str]:
    """Long pieces of arguments, removed from a chunk, by the index of their call.

    LangChain would parse each as if it were all, and try to repair it.
    """
    long: dict[int, str] = {}
    for choice in chunk["choices"][:1]:
        for call in (choice["delta"] or {}).get("tool_calls") or ():
            if not call.get("id") and len(call["function"]["arguments"] or "") > _LONG_PIECE:
                long[call["index"]] = call["function"].pop("arguments")
    return long
