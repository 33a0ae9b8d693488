"""`ChatVisionCraft`: the service's chat models, with native tools or only text."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGenerationChunk

from langchain_visioncraft._flows import arun, run
from langchain_visioncraft.chat_models import structured
from langchain_visioncraft.chat_models.answers import Ask, StreamedReading, Task
from langchain_visioncraft.chat_models.base import VisionCraftConnectedModel
from langchain_visioncraft.chat_models.bound_tools import OPTIONS, BoundTools, PromptedTools
from langchain_visioncraft.chat_models.common import VisionCraftChatModel
from langchain_visioncraft.chat_models.constrained import ConstrainedTools, held_to
from langchain_visioncraft.chat_models.profiles import opens_thoughts, profile_of
from langchain_visioncraft.chat_models.response_formats import schema_in
from langchain_visioncraft.errors import InvalidRequestError

if TYPE_CHECKING:
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.runnables import Runnable


class ChatVisionCraft(VisionCraftConnectedModel):
    """Chat models of VisionCraft: ``POST /v1/chat/completions`` (document of 2024-09).

    ```python
    from langchain_visioncraft import ChatVisionCraft
    from visioncraft_sandbox import Sandbox

    with Sandbox() as sandbox:
        model = ChatVisionCraft(
            model="Llama-3.1-8B-Instruct", base_url=sandbox.url, api_key="any", top_k=40
        )
        answer = model.invoke("Say hello.")
        pieces = [chunk.text for chunk in model.stream("Say hello.")]
    assert answer.text and answer.usage_metadata["output_tokens"] > 0
    assert "".join(pieces)
    ```

    Most open models can write a tool call only as text. `tool_calling` sets how tools are offered;
    agents, `bind_tools`, `with_structured_output` and streams work the same way in each case.

    With prompted tools, ``tool_choice`` is an instruction. A model that does not follow it is asked
    once more, and can still refuse. ``parallel_tool_calls=False`` drops all calls but the first.
    With ``strict``, a call whose arguments do not fit the schema becomes an invalid call; otherwise
    it remains a call, and the tool reports the problem. A call is streamed once it is complete.

    Parameters are checked when the model is built (pydantic's ``ValidationError``) and at every
    call (`InvalidRequestError`, nothing is sent). The host chooses those that you leave out.

    If a call fails, this package's error (`langchain_visioncraft.errors`) is raised with its facts.
    It is also an instance of the error that OpenAI's SDK and langchain-openai would have raised, so
    ``except openai.RateLimitError`` works as well.

    The SDK retries `max_retries` times after connection failures, timeouts, 408, 429, 500, 502, 503
    and 504, and honours ``Retry-After``. A call that ran into the read timeout may be paid for
    twice; ``max_retries=0`` avoids that. Once an answer has arrived, even a damaged or truncated
    one, it is not requested again. Neither is a stream that has begun: if it breaks off, or ends
    with neither ``finish_reason`` nor ``[DONE]``, an error is raised after the pieces that arrived.

    Settings of other services are neither used nor sent: ``OPENAI_*`` variables have no effect. A
    model can be pickled and copied. The pickle holds an explicit key; a key from the environment is
    read again where the pickle is loaded.

    Raises:
        MissingKeyError: If there is no key, neither as ``api_key`` nor in ``VISIONCRAFT_API_KEY``.
            It is not wrapped in pydantic's ``ValidationError``.
    """

    tool_calling: Literal["auto", "native", "prompted", "constrained"] = "auto"
    """How tools are offered. ``native`` sends ``tools``. ``prompted`` describes them in the system
    message and reads the calls out of the text. ``constrained`` describes them, and sends a JSON
    schema that the host forces the answer to fit, as most servers of open models can; this works
    best for small models. ``auto`` is native for models that are known to be trained for it (their
    profile sets ``tool_calling``, see `MODEL_PROFILES`), constrained for those whose profile sets
    ``structured_output``, and otherwise prompted."""

    # ---- tools and forms ----------------------------------------------------------------------

    def _way(self, model: str) -> str:
        """How tools and forms are offered."""
        if self.tool_calling != "auto":
            return self.tool_calling
        own = self.profile if model == self.model_name else None
        known = {**(profile_of(model) or {}), **(own or {})}
        if known.get("tool_calling"):
            return "native"
        return "constrained" if known.get("structured_output") else "prompted"

    def _task(
        self, messages: Sequence[BaseMessage], options: dict[str, Any]
    ) -> tuple[Task, dict[str, Any]]:
        form, way = options.get(structured.ANSWER_FORM), self._way(self._model_of(options))
        not_sent = (structured.ANSWER_FORM, *(() if way == "native" else OPTIONS))
        left = {key: value for key, value in options.items() if key not in not_sent}
        task = Task()
        if form is not None:
            if options.get("tools"):
                msg = "Structured output and tools cannot both be prompted; bind only the tools."
                raise InvalidRequestError(msg)
            task = structured.PromptedAnswer(form, way)
        elif options.get("tools") or (way != "native" and any(map(_is_of_tools, messages))):
            asked = {**self.model_kwargs, **(self.extra_body or {}), **options}
            # A host that obeys a response_format would block every call that is not in it.
            schema = schema_in(asked.get("response_format"))
            if way == "native":
                task = BoundTools.of(options, messages)
            elif schema is None and way == "prompted":
                task = PromptedTools.of(options, messages)
            else:
                task = ConstrainedTools.of(options, messages, form=schema and held_to(schema))
        return task, {**left, **task.options}

    def _chunks(
        self, messages: list[BaseMessage], given: dict[str, Any]
    ) -> Iterator[ChatGenerationChunk | None]:
        asked, options, stream, ask = self._streamed(messages, given)
        with self._boundary(options)():
            raw = super(VisionCraftChatModel, self)._stream(asked, **options)
            yield from map(stream.read, raw)
        yield run(stream.ending(asked, ask))

    async def _achunks(
        self, messages: list[BaseMessage], given: dict[str, Any]
    ) -> AsyncGenerator[ChatGenerationChunk | None]:
        asked, options, stream, ask = self._streamed(messages, given)
        raw: Any = super(VisionCraftChatModel, self)._astream(asked, **options)
        async with aclosing(raw) as chunks:
            with self._boundary(options)():
                async for chunk in chunks:
                    yield stream.read(chunk)
        yield await arun(stream.ending(asked, ask))

    def _streamed(
        self, messages: list[BaseMessage], given: dict[str, Any]
    ) -> tuple[list[BaseMessage], dict[str, Any], StreamedReading, Ask]:
        """The messages and options of a stream, its reader, and how to ask again."""
        task, options = self._task(messages, given)
        stream = StreamedReading(
            task.reading(correct=self.correct_tool_calls and task.corrects_streams),
            as_blocks=self.output_version == "v1",
            holds=opens_thoughts(self._model_of(options)),
        )
        of_streams = ("stream", "stream_options", "stream_usage")
        unstreamed = {key: value for key, value in options.items() if key not in of_streams}
        return task.messages(messages), options, stream, self._asking(unstreamed, begun=1)

    # ---- answers in a form --------------------------------------------------------------------

    def with_structured_output(
        self,
        schema: Any = None,
        *,
        method: structured.Method | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """A model that answers with objects.

        Args:
            schema: A pydantic class, whose instances are the answers, or a ``TypedDict`` or JSON
                schema, for answers that are dictionaries.
            method: ``function_calling``, ``json_schema`` and ``json_mode`` are the host's own;
                ``prompted`` asks for JSON in the prompt, for hosts and models with neither.
                Default: ``function_calling`` for a model that calls tools natively, else
                ``prompted``, which then also replaces ``function_calling``.
            include_raw: Whether to return ``{"raw", "parsed", "parsing_error"}``.
            strict: For the host's own methods; a prompt cannot force anything.
            kwargs: Bound to the calls.

        A stream yields partial objects: dictionaries as they grow, pydantic objects as soon as the
        class accepts them. If prompted, an answer that does not fit is requested once more
        (`correct_tool_calls`), but not in a stream, whose beginning was already sent.

        Raises:
            InvalidRequestError: If the schema is missing, or there are also tools.
        """
        chosen = method or "function_calling"
        if chosen == "function_calling" and self._way(self.model_name) != "native":
            chosen = "prompted"
        return structured.structured_output(
            self, schema, method=chosen, include_raw=include_raw, strict=strict, **kwargs
        )


def _is_of_tools(message: BaseMessage) -> bool:
    return isinstance(message, ToolMessage) or (
        isinstance(message, AIMessage) and bool(message.tool_calls or message.invalid_tool_calls)
    )
