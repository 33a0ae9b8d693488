"""`ChatVisionCraftLegacy`: ``POST /llm``, the chat endpoint of hosts before 2024-09."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, model_validator

from langchain_visioncraft.chat_models import structured
from langchain_visioncraft.chat_models.answers import Task
from langchain_visioncraft.chat_models.bound_tools import OPTIONS, PromptedTools
from langchain_visioncraft.chat_models.common import PROVIDER, VisionCraftChatModel
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.errors import InvalidRequestError

if TYPE_CHECKING:
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.runnables import Runnable
    from langchain_core.tools import BaseTool

_ROLES = {"human": "user", "ai": "assistant", "system": "system"}
_STANDARD = ("temperature", "max_tokens")


class ChatVisionCraftLegacy(VisionCraftChatModel):
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

    The endpoint takes only a model and messages. If you pass a temperature or ``max_tokens``, the
    constructor warns. Stop sequences are applied on this side, and a stream is one chunk. Tools and
    structured output are prompted, as by `ChatVisionCraft` with ``tool_calling="prompted"``. Usage
    is missing, because the host does not report it. A message carries at most one image.

    Raises:
        MissingKeyError: If there is no key, neither as ``api_key`` nor in ``VISIONCRAFT_API_KEY``.
    """

    model_config = ConfigDict(extra="forbid")

    _more_keywords: ClassVar[tuple[str, ...]] = (*_STANDARD, "streaming")

    stop: list[str] | str | None = None
    """The stop sequences of calls that have none of their own."""

    # ---- construction -------------------------------------------------------------------------

    @model_validator(mode="before")
    @classmethod
    def _drop_what_the_endpoint_does_not_know(cls, values: Any) -> Any:
        """LangChain's standard parameters may be given to any chat model."""
        if not isinstance(values, dict):
            return values
        if unknown := [name for name in _STANDARD if values.get(name) is not None]:
            warnings.warn(
                f"{' and '.join(unknown)} has no effect: POST /llm takes only model and messages.",
                UserWarning,
                stacklevel=4,
            )
        return {k: v for k, v in values.items() if k not in cls._more_keywords}

    @model_validator(mode="after")
    def _check_connection(self) -> Self:
        self._rebuild()
        if self.profile is None:  # langchain-core fills it in only in later versions
            self.__dict__["profile"] = self._resolve_model_profile()
        return self

    def _rebuild(self) -> None:
        self._resolve_settings()

    # ---- calls --------------------------------------------------------------------------------

    def _task(
        self, messages: Sequence[BaseMessage], options: dict[str, Any]
    ) -> tuple[Task, dict[str, Any]]:
        known = {*OPTIONS, structured.ANSWER_FORM, "model", "stream"}
        if unknown := sorted(options.keys() - known):
            msg = (
                f"Nothing was sent. POST /llm takes only a model and messages, without "
                f"{', '.join(map(repr, unknown))}. ChatVisionCraft takes other parameters."
            )
            raise InvalidRequestError(msg)
        left = {"model": self._model_of(options)}
        if options.get(structured.ANSWER_FORM) is not None:
            return structured.PromptedAnswer(options[structured.ANSWER_FORM]), left
        return PromptedTools.of(options, messages), left

    def _ask(self, messages: list[BaseMessage], **options: Any) -> ChatResult:
        return self._result(self._clients()[0].run(self._request(messages, **options)), **options)

    async def _aask(self, messages: list[BaseMessage], **options: Any) -> ChatResult:
        text = await self._clients()[1].run(self._request(messages, **options))
        return self._result(text, **options)

    def _request(self, messages: Sequence[BaseMessage], *, model: str, **_: Any) -> Any:
        body = [_written(message) for message in self._prepared(messages, model)]
        return endpoints.legacy_chat(model=model, messages=body)

    def _result(
        self, text: str, *, model: str, stop: list[str] | str | None = None, **_: Any
    ) -> ChatResult:
        given = (self.stop if stop is None else stop) or ()
        marks = [given] if isinstance(given, str) else given
        ends = [text.find(mark) for mark in marks if mark and mark in text]
        facts = {"model_name": model, "model_provider": PROVIDER}
        message = AIMessage(text[: min(ends, default=len(text))], response_metadata=dict(facts))
        return ChatResult(generations=[ChatGeneration(message=message)], llm_output=facts)

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
        """Offer tools in the prompt; the arguments are those of `ChatVisionCraft`."""
        formatted = [convert_to_openai_tool(tool, strict=strict) for tool in tools]
        options = {"tool_choice": tool_choice, "parallel_tool_calls": parallel_tool_calls}
        return self.bind(tools=formatted, **options, **kwargs)

    def with_structured_output(
        self,
        schema: Any,
        *,
        include_raw: bool = False,
        method: structured.Method = "prompted",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """A model that answers with objects, as the prompt asks it to.

        The arguments are those of `ChatVisionCraft`. Every method means ``prompted``, and nothing
        can be forced: the endpoint supports nothing else.
        """
        del method
        return structured.structured_output(
            self, schema, method="prompted", include_raw=include_raw, strict=strict, **kwargs
        )

    @property
    def _llm_type(self) -> str:
        return "visioncraft-chat-legacy"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "base_url": self.visioncraft_api_base}


def _written(message: BaseMessage) -> dict[str, Any]:
    """A message as ``POST /llm`` takes it: a role, a text, and for LLaVA one image.

    Raises:
        InvalidRequestError: If it holds several images, or is of a kind without a role.
    """
    role = message.role if isinstance(message, ChatMessage) else _ROLES.get(message.type)
    if role is None:
        msg = f"Nothing was sent: POST /llm has no messages of the kind {message.type!r}."
        raise InvalidRequestError(msg)
    if isinstance(message.content, str):
        return {"role": role, "content": message.content}
    blocks: Any = message.content
    images = [block["image_url"]["url"] for block in blocks if block.get("type") == "image_url"]
    texts = [block.get("text") for block in blocks]
    if len(images) > 1:
        msg = (
            f"Nothing was sent: a message of POST /llm carries one image, this one has "
            f"{len(images)}. Send each in a separate message, or use ChatVisionCraft."
        )
        raise InvalidRequestError(msg)
    body: dict[str, Any] = {"role": role, "content": "\n".join(filter(None, texts))}
    if images:
        # The document shows bare base64, or a link.
        is_data = images[0][:5].lower() == "data:"
        body["image"] = images[0].partition(",")[2] if is_data else images[0]
    return body
