"""What reads an answer, and how a result or a stream is made of what it read. No I/O."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    InvalidToolCall,
    ToolCall,
)
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from langchain_visioncraft.chat_models.call_forms import Prose

Found: TypeAlias = Prose | ToolCall | InvalidToolCall
ResultT = TypeVar("ResultT")

_BEYOND_TEXT = 1000
NOT_VALID = "(not valid) "
"""Stands before the text of an invalid call: LangChain mends JSON in streams, and would make a
valid call of a damaged one."""


class Reading:
    """Reads one answer; this one takes everything as prose.

    Attributes:
        text: The answer as the model wrote it.
    """

    def __init__(self) -> None:
        self.text = ""

    def feed(self, text: str) -> list[Found]:
        """Take a piece of the answer, and give what is certain by now."""
        self.text += text
        return [Prose(text)] if text else []

    def finish(self, *, cut_off: bool = False) -> list[Found]:  # noqa: ARG002 -- of the interface
        """Give what is left, but for what the model is to write again."""
        return []

    def again(self, messages: Sequence[BaseMessage]) -> list[BaseMessage] | None:  # noqa: ARG002 -- of the interface
        """What to ask the model next; ``None`` if its answer is to be taken as it is.

        Args:
            messages: The conversation that was sent.
        """
        return None

    def settle(self, again: str | None = None, *, cut_off: bool = False) -> list[Found]:  # noqa: ARG002 -- of the interface
        """Give what was held back.

        Args:
            again: What the model answered when it was asked again.
            cut_off: Whether that was ended by its greatest length.
        """
        return []


class Task(Protocol):
    """What is asked of a model in words: to call tools, or to answer in a form.

    Attributes:
        corrects_streams: Whether the model may be asked again after an answer has streamed.
    """

    @property
    def corrects_streams(self) -> bool: ...  # noqa: D102 -- above

    def messages(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The conversation with what the model is told."""
        ...

    def reading(self, *, correct: bool) -> Reading:
        """Reads an answer; `correct` says whether the model may be asked again."""
        ...


def whole_result(
    task: Task, messages: Sequence[BaseMessage], result: ChatResult, *, correct: bool
) -> Generator[list[BaseMessage], ChatResult, ChatResult]:
    """Read a whole answer.

    It yields a conversation if the model is to be asked again, and is sent the answer.

    Args:
        task: What was asked.
        messages: The conversation that was sent.
        result: The answer.
        correct: Whether the model may be asked again. It is not for several answers at once.
    """
    correct = correct and len(result.generations) == 1
    for number, generation in enumerate(result.generations):
        message = generation.message
        if not isinstance(message, AIMessage):
            continue
        reading = task.reading(correct=correct)
        found = [*reading.feed(message.text), *reading.finish(cut_off=_is_cut_off(generation))]
        question, second = reading.again(messages), None
        if question is not None:
            second = yield question
        found += _settled(reading, second)
        read = _read_message(message, found)
        result.generations[number] = ChatGeneration(
            message=read, generation_info=generation.generation_info
        )
        if second is not None:
            count_usage(result, usage_of(second))
    return result


def _settled(reading: Reading, second: ChatResult | None) -> list[Found]:
    if second is None:
        return reading.settle()
    answer = second.generations[0]
    return reading.settle(str(answer.message.text), cut_off=_is_cut_off(answer))


def _is_cut_off(generation: ChatGeneration) -> bool:
    return (generation.generation_info or {}).get("finish_reason") == "length"


def _read_message(message: AIMessage, found: Sequence[Found]) -> AIMessage:
    prose = "".join(each.text for each in found if isinstance(each, Prose))
    calls = [each for each in found if not isinstance(each, Prose)]
    return message.model_copy(
        update={
            "content": prose,
            "tool_calls": [
                *message.tool_calls,
                *(call for call in calls if call["type"] == "tool_call"),
            ],
            "invalid_tool_calls": [
                *message.invalid_tool_calls,
                *(call for call in calls if call["type"] != "tool_call"),
            ],
        }
    )


def usage_of(result: ChatResult) -> UsageMetadata | None:
    """The tokens of an answer, if the host has said."""
    message = result.generations[0].message
    return message.usage_metadata if isinstance(message, AIMessage) else None


def count_usage(result: ChatResult, more: UsageMetadata | None) -> None:
    """Count the tokens of another question in what is reported of this one."""
    message = result.generations[0].message
    if not isinstance(message, AIMessage):
        return
    usage = message.usage_metadata = add_usage(message.usage_metadata, more)
    if usage and result.llm_output and result.llm_output.get("token_usage"):
        result.llm_output["token_usage"] = {
            "prompt_tokens": usage["input_tokens"],
            "completion_tokens": usage["output_tokens"],
            "total_tokens": usage["total_tokens"],
        }


class StreamedReading:
    """Makes a stream of prose and tool-call chunks of a stream of text.

    Args:
        task: What was asked.
        correct: Whether the model may be asked again.
        as_blocks: Whether LangChain makes content blocks of the chunks (``output_version="v1"``).
        usage: Of a question that came before, to be counted as well.
    """

    def __init__(
        self,
        task: Task,
        *,
        correct: bool,
        as_blocks: bool = False,
        usage: UsageMetadata | None = None,
    ) -> None:
        self.reading = task.reading(correct=correct)
        self._as_blocks = as_blocks
        self._usage = usage
        self._index = 0
        self._finished = False

    def read(self, chunk: ChatGenerationChunk) -> ChatGenerationChunk | None:
        """What goes out for a chunk that came in; ``None`` if it holds nothing that is certain."""
        message = chunk.message
        if not isinstance(message, AIMessageChunk):
            return chunk
        text = message.text
        found = self.reading.feed(text)
        reason = (chunk.generation_info or {}).get("finish_reason")
        if reason and not self._finished:
            self._finished = True
            found += self.reading.finish(cut_off=reason == "length")
        if text and not found and not reason and not message.usage_metadata:
            return None
        return self._with(chunk, message, found)

    def rest(self) -> ChatGenerationChunk | None:
        """What is left at the end of a stream that did not say why it ended."""
        found = [] if self._finished else self.reading.finish()
        self._finished = True
        return self._new(found)

    def settle(self, second: ChatResult | None = None) -> ChatGenerationChunk | None:
        """What was held back, with the answer to the second question, and with its usage."""
        more = usage_of(second) if second else None
        usage = add_usage(self._usage, more) if self._usage or more else None
        return self._new(_settled(self.reading, second), usage=usage)

    def _new(self, found: Sequence[Found], usage: Any = None) -> ChatGenerationChunk | None:
        if not found and usage is None:
            return None
        chunk = ChatGenerationChunk(message=AIMessageChunk(content="", usage_metadata=usage))
        return self._with(chunk, AIMessageChunk(content="", usage_metadata=usage), found)

    def _with(
        self, chunk: ChatGenerationChunk, message: AIMessageChunk, found: Sequence[Found]
    ) -> ChatGenerationChunk:
        read = [self._chunk_of(each) for each in found if not isinstance(each, Prose)]
        chunks = [*message.tool_call_chunks, *read]
        new = AIMessageChunk(
            content="".join(each.text for each in found if isinstance(each, Prose)),
            tool_call_chunks=chunks,
            additional_kwargs=message.additional_kwargs,
            response_metadata=message.response_metadata,
            usage_metadata=message.usage_metadata,
            id=message.id,
        )
        return ChatGenerationChunk(message=new, generation_info=chunk.generation_info)

    def _chunk_of(self, call: ToolCall | InvalidToolCall) -> Any:
        arguments = call["args"]
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        number, self._index = self._index, self._index + 1
        # LangChain numbers blocks of text itself, and would merge a call with the same number.
        index = number + _BEYOND_TEXT if self._as_blocks else number
        return tool_call_chunk(name=call["name"], args=text, id=call["id"], index=index)


def drive(
    asking: Generator[list[BaseMessage], ChatResult, ResultT],
    ask: Callable[[list[BaseMessage]], ChatResult],
) -> ResultT:
    """Ask all that is to be asked."""
    try:
        messages = next(asking)
        while True:
            messages = asking.send(ask(messages))
    except StopIteration as done:
        result: ResultT = done.value
        return result


async def adrive(
    asking: Generator[list[BaseMessage], ChatResult, ResultT],
    ask: Callable[[list[BaseMessage]], Awaitable[ChatResult]],
) -> ResultT:
    """Ask all that is to be asked, without blocking."""
    try:
        messages = next(asking)
        while True:
            messages = asking.send(await ask(messages))
    except StopIteration as done:
        result: ResultT = done.value
        return result


def one_chunk(result: ChatResult) -> ChatGenerationChunk:
    """A whole answer as the only chunk of a stream."""
    message = result.generations[0].message
    calls: dict[str, Any] = {}
    if isinstance(message, AIMessage):
        calls = {
            "tool_calls": message.tool_calls,
            "invalid_tool_calls": message.invalid_tool_calls,
        }
    chunk = AIMessageChunk(
        content=message.content, response_metadata=message.response_metadata, **calls
    )
    return ChatGenerationChunk(message=chunk)
