"""Separates a model's reasoning from its answer, whole or streamed.

All code that reads answers uses this one splitter: the chat models, the captions of the loaders,
and the chain that cites sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_TAGS: tuple[tuple[str, str], ...] = (
    ("<think>", "</think>"),  # DeepSeek R1, Qwen3, GLM, Phi-4 and most others
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),  # EXAONE
    ("<reasoning>", "</reasoning>"),
    ("<reason>", "</reason>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<reflection>", "</reflection>"),
    ("[THINK]", "[/THINK]"),  # Magistral
    ("<seed:think>", "</seed:think>"),  # Seed-OSS
    ("◁think▷", "◁/think▷"),  # Kimi-VL
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A
    ("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    ("<unused94>thought", "<unused95>"),  # MedGemma
    ("<|channel>thought", "<channel|>"),  # Gemma 4
    ("<|channel|>analysis<|message|>", "<|end|>"),  # gpt-oss
    ("Here is my thought process:", "Here is my response:"),  # Granite 3.2
    ("Here's my thought process:", "Here's my response:"),
    ("<mm:think>", "</mm:think>"),  # MiniMax M3
    ("<think:opensource>", "</think:opensource>"),  # Hunyuan 3
    *((f"<ifm|{word}>", f"</ifm|{word}>") for word in ("think", "think_fast", "think_faster")),
    ("<|think|>", "<|end|>"),  # Solar
    ("<|open|>think<|sep|>", "<|close|>think<|sep|>"),  # Kimi K3
    ("<|thought_start|>", "<|thought_end|>"),  # MiniCPM3
    ("<|begin_of_thought|>", "<|end_of_thought|>"),  # Sky-T1
    ("<|content_thinking|>", "<|end_message|>"),  # Inkling
    ("<scratch_pad>", "</scratch_pad>"),  # Hermes 2
    ("<analysis>", "</analysis>"),
    ("<inner_monologue>", "</inner_monologue>"),
)
_STRIPPED = ("assistantfinal", "assistantcommentary")
"""What remains of gpt-oss's marks if a host strips special tokens."""
_OPENED_BY_TEMPLATES = frozenset(
    {
        *("</think>", "</thinking>", "</thought>", "</reasoning>", "[/think]", "</seed:think>"),
        *("◁/think▷", "<|end_thinking|>", "</mm:think>", "</think:opensource>", "</ifm|think>"),
        *("<|thought_end|>", "<|close|>think<|sep|>", "[begin final response]"),
        *_STRIPPED,
    }
)
_MARKS = (  # around the answer itself: gpt-oss, Command A, Hunyuan
    "<|start|>assistant",
    "<|channel|>final<|message|>",
    "<|START_RESPONSE|>",
    "<|END_RESPONSE|>",
    "<|START_TEXT|>",
    "<|END_TEXT|>",
    "<|channel|>commentary<|message|>",
    "<|begin|>assistant",
    "<|open|>response<|sep|>",
    "<|close|>response<|sep|>",
    "[BEGIN FINAL RESPONSE]",  # Apriel 1.6
    "<|begin_of_solution|>",  # Sky-T1
    "<|end_of_solution|>",
)
_FRAME = ("<answer>", "</answer>", "<response>", "</response>", "<output>", "</output>")
"""Tags around an answer after a thought: Hunyuan, Granite 3.3."""
_LONGEST = 40
"""Characters of a mark, and of backticks that count as one: the end of a stream waits for them."""


def beginnings(words: Iterable[str]) -> str:
    """A pattern for any non-empty beginning of these words."""
    after: dict[str, list[str]] = {}
    for word in words:
        if word:
            after.setdefault(word[0], []).append(word[1:])
    branches = (
        re.escape(sign) + (f"(?:{beginnings(rest)})?" if any(rest) else "")
        for sign, rest in after.items()
    )
    return "|".join(branches)


_CLOSERS = {opener.lower(): closer for opener, closer in _TAGS}
_WORDS = [*(tag for pair in _TAGS for tag in pair), *_MARKS, *_FRAME, *_STRIPPED]
_ANY = re.compile(
    "|".join(map(re.escape, sorted(_WORDS, key=len, reverse=True)))
    + f"|(?P<code>`{{1,{_LONGEST}}})",
    re.IGNORECASE,
)
_UNDECIDED = re.compile(rf"(?:{beginnings(_WORDS)}|`{{1,{_LONGEST}}})\Z", re.IGNORECASE)


class ReasoningSplitter:
    """Splits one answer that arrives in pieces.

    A tag opens a block of thought only at the beginning of a line and outside code, so that an
    answer may mention such tags. A closing tag alone ends a thought that the chat template began
    (DeepSeek R1): with `holds`, all before it is thought, and text is held back until the end;
    otherwise, text already returned stays.
    """

    def __init__(self, *, holds: bool = False) -> None:
        self._holds = holds
        self._rest = ""
        self._closer = ""
        """The closing tags of the block of thought that we are in."""
        self._code = ""
        """The backticks of the code that we are in."""
        self._line_begins = True
        """Whether the answer's last line is blank so far."""
        self._thought: list[str] = []
        self._said: list[str] = []
        self._lead: list[str] = []
        """Blanks before the answer."""
        self._blanks: list[str] = []
        """Blanks that are thought only if thought follows."""
        self._has_thought = self._has_said = False

    @property
    def in_thought(self) -> bool:
        """Whether a thought was begun, and not ended."""
        return bool(self._closer)

    def feed(self, text: str) -> tuple[str, str]:
        """Take a piece, and return what is certain by now: of the thought, and of the answer."""
        self._rest += text
        undecided = _UNDECIDED.search(self._rest, max(len(self._rest) - _LONGEST, 0))
        end = self._outside_of_marks(undecided.start()) if undecided else len(self._rest)
        self._split(self._rest[:end])
        self._rest = self._rest[end:]
        return self._certain(ended=False)

    def _outside_of_marks(self, at: int) -> int:
        """This place, or the beginning of a mark that extends beyond it: marks may overlap."""
        for mark in _ANY.finditer(self._rest):
            if mark.end() > at:
                return min(mark.start(), at)
        return at

    def finish(self) -> tuple[str, str]:
        """Return what is left; a thought without an end is still a thought."""
        self._split(self._rest)
        self._rest = ""
        return self._certain(ended=True)

    def _split(self, text: str) -> None:
        at = 0
        for mark in _ANY.finditer(text):
            self._take(text[at : mark.start()])
            at = mark.end()
            self._mark(mark[0], is_code=mark["code"] is not None)
        self._take(text[at:])

    def _mark(self, mark: str, *, is_code: bool) -> None:
        tag = mark.lower()
        if self._closer and tag == self._closer.lower():
            self._closer = ""
        elif self._closer or (self._code and not is_code):
            self._take(mark)
        elif is_code:
            if len(mark) >= len(self._code):
                self._code = "" if self._code else mark
            self._take(mark)
        elif tag in _CLOSERS and self._line_begins:
            self._closer = _CLOSERS[tag]
            self._thought.append("\n\n" if self._has_thought else "")
        elif tag in _OPENED_BY_TEMPLATES:
            if self._holds:
                self._thought += self._said
                self._said, self._has_said = [], False
            self._has_thought = self._line_begins = True
        elif mark not in _MARKS and not (tag in _FRAME and self._has_thought):
            self._take(mark)

    def _take(self, text: str) -> None:
        if not text:
            return
        if self._closer:
            self._thought.append(text)
            self._has_thought = True
            return
        _, newline, last = text.rpartition("\n")
        self._line_begins = not last.strip() and bool(newline or self._line_begins)
        if len(self._code) in (1, 2) and newline:
            self._code = ""  # inline code ends with its line
        if self._has_said:
            self._said.append(text)
        elif text.isspace():
            self._lead.append(text)
        else:
            self._said += [text.lstrip()] if self._has_thought else [*self._lead, text]
            self._has_said = True

    def _certain(self, *, ended: bool) -> tuple[str, str]:
        thought, self._thought = "".join(self._thought), []
        kept = thought.rstrip()
        given = "".join([*self._blanks, kept]) if kept else ""
        if kept:
            self._blanks = [thought[len(kept) :]]
        elif thought:
            self._blanks.append(thought)
        if self._holds and not ended:
            return given, ""
        said, self._said = self._said, []
        if ended and not self._has_said and not self._has_thought:
            said = self._lead
        return given, "".join(said)


def split_reasoning(text: str) -> tuple[str, str]:
    """The thought of a whole answer, and the answer without it."""
    splitter = ReasoningSplitter(holds=True)
    (first, _), (last, answer) = splitter.feed(text), splitter.finish()
    return (first + last).strip(), answer
