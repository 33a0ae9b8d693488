"""The patterns by which requests are understood."""

from __future__ import annotations

import re

from visioncraft_sandbox.planner.conversation import SOURCE

_VERBS = (
    r"(?:draw|paint|illustrate|sketch|render|depict|upscale|enlarge|animate|make|turn|convert|"
    r"create|generate|describe|caption|transcribe|listen|list|show|tell|film|look|change|repaint|"
    r"restyle|write down|give|translate|design|edit|redraw)"
)
_POLITE = (
    r"(?:please|kindly|also|now|next|then|finally|first|afterwards|after that|can you|could you|"
    r"would you|will you|i want you to|i'd like you to|i would like you to|i want to|let's|and|"
    r"use the tools? to|using the tools?)"
)
COMMAND = re.compile(rf"^(?:{_POLITE}[,:]?\s+)*{_VERBS}\b", re.IGNORECASE)
JOINT = re.compile(
    rf"(?:\s*[,;]?\s+(?:and then|then|and|afterwards|after that|finally)|\s*[,;])\s+"
    rf"(?=(?:{_POLITE}\s+)*{_VERBS}\b)",
    re.IGNORECASE,
)
EMPTY = re.compile(
    rf"\W*(?:{_POLITE}\W*)*(?:(?:use|using|call|with)\s+the\s+(?:\w+\s+)?tools?)?\W*",
    re.IGNORECASE,
)
"""Clauses without a request: "please", "use the tool"."""
SENTENCE_END = re.compile(r"(?<=[.!?])[\"'\u201d\u2019)]*\s+(?=[\"'\u201c\u2018(]?[A-Z0-9])")

_NOUN = (
    r"(?:picture|image|illustration|painting|drawing|photo(?:graph)?|portrait|poster|logo|scene|"
    r"sketch|artwork|wallpaper|watercolou?r|one)"
)
_NOUNS = rf"{_NOUN}s?"
MADE = re.compile(
    rf"\b(?:create|generate|make|show|give|want|need|like|produce|design|get)\b.*\b{_NOUNS}\b",
    re.IGNORECASE | re.DOTALL,
)

_LEADING = {
    "draw": r"draw|paint|illustrate|sketch|render|depict",
    "upscale": r"upscale|enlarge",
    "caption": r"describe|caption|look at",
    "transcribe": r"transcribe|listen to",
    "gif": r"animate",
    "video": r"film",
}
_ANYWHERE = {
    "transcribe": r"\btranscri\w+|\blisten to\b|\bspeech to text\b|\bwrite down what\b|"
    r"\bwhat (?:is|was|does|do) .{0,60}\b(?:said|says?|saying)\b",
    "limits": r"\b(?:rate )?(?:limits?|quotas?)\b|\bhow many (?:calls|requests|pictures) ",
    "list": r"\b(?:list|which|what|show|tell)\b.{0,50}\b(?:models?|samplers?|schedulers?|"
    r"loras?|refiners?)\b",
    "upscale": r"\bupscal\w+|\benlarge\w*|\bsuper-?resolution\b|\bhigher resolution\b|"
    r"\b(?:four times|twice|[24]x) (?:as large|larger|bigger)\b",
    "caption": r"\b(?:describe|captions?|alt text|look at)\b|\bwhat do you see\b|"
    r"\bwhat(?:'s| is| are) (?:in|on|shown in|shown on|this|it|that)\b",
    "video": r"\b(?:videos?|films?|movie|mp4|clip)\b",
    "gif": r"\bgifs?\b|\banimat\w+",
    "draw": r"\b(?:draw|paint|illustrate|sketch|render|depict)\b",
}
_FIRST = [
    (kind, re.compile(rf"^(?:{_POLITE}[,:]?\s+)*(?:{verbs})\b", re.IGNORECASE))
    for kind, verbs in _LEADING.items()
]
_WITHIN = [
    (kind, re.compile(pattern, re.IGNORECASE | re.DOTALL)) for kind, pattern in _ANYWHERE.items()
]
REWORK = re.compile(
    r"\b(?:turn|change|repaint|redraw|restyle|edit|make|replace|convert)\b", re.IGNORECASE
)
GIF = re.compile(r"\bgifs?\b", re.IGNORECASE)

_ORDINALS = {
    "first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "sixth": 5, "seventh": 6,
    "eighth": 7, "1st": 0, "2nd": 1, "3rd": 2, "4th": 3, "5th": 4, "last": -1, "latest": -1,
    "final": -1, "previous": -1,
}  # fmt: skip
NUMBER_WORDS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}
_ORDINAL = re.compile(
    rf"\b(?:the\s+)?({'|'.join(_ORDINALS)})\b(?!\s+(?:time|light|day|snow|spring))", re.IGNORECASE
)
_ALL = re.compile(
    rf"\b(?:both|them|these|those|all(?: of)?(?: the)?(?: \w+)? {_NOUNS}|"
    rf"(?:each|every)(?: of)?(?: the)?(?: {_NOUNS}))\b",
    re.IGNORECASE,
)
_LATEST = re.compile(
    rf"\b(?:it|that|this|result|the {_NOUNS}|(?:that|this) {_NOUNS})\b", re.IGNORECASE
)
_ONLY_REFERENCE = re.compile(
    rf"\W*(?:the\s+)?(?:(?:{'|'.join(_ORDINALS)})\s+)?(?:{_NOUNS}|it|that|this|them)?\W*",
    re.IGNORECASE,
)
_TRANSCRIPT = re.compile(
    r"\W*(?:what (?:it|he|she|they|is|was)\b.*|it|(?:the |that |this )?(?:story|text|transcript|"
    r"recording|words|scenes?|each sentence|every sentence))\W*|"
    r".*\bas (?:it|he|she|they|(?:the|that|my) [\w ]{3,24}?) "
    r"(?:says?|asks?|tells?|wants?|intents)\b.*",
    re.IGNORECASE,
)

_ONE = re.compile(rf"\b(?:page|cover|{_NOUN})\b", re.IGNORECASE)
_GREETING = re.compile(
    r"\W*(?:hello|hi|hey|good (?:morning|evening|day)|dear)\b(?:\W+\w+){0,7}\W*$", re.IGNORECASE
)

_OPENING = re.compile(
    rf"^(?:{_POLITE}[,:]?\s+)*(?:(?:draw|paint|illustrate|sketch|render|depict|create|generate|make|"
    rf"show|give|produce|design|animate|film|turn|get|i need|i want|i'd like)\b\s*)?"
    rf"(?:(?:me|us|for me|for us)\s+)?",
    re.IGNORECASE,
)
_FRAME = re.compile(
    rf"^(?:(?:an?|the|one|some|\d+|two|three|four|five)\s+)?(?:(?:short|animated|beautiful|nice|"
    rf"small|new|looping)\s+)*(?:{_NOUNS}|gifs?|animations?|videos?|films?|clips?|movies?)\s+"
    rf"(?:of|showing|with|about|in which|where)\s+",
    re.IGNORECASE,
)
_ASIDES = re.compile(
    r"\s*,?\s*\b(?:please|(?:with|using|by) (?:the )?(?:tool|midjourney|openjourney|sdxl)\b.*|"
    r"as an? (?:animated )?(?:gif|animation|video)|(?:(?:in|at|of|with) )?\d{2,4}\s*[x\u00d7]\s*"
    r"\d{2,4}(?: pixels)?)\s*(?=[.!?]*$)",
    re.IGNORECASE,
)
_TARGET = re.compile(
    rf"\b(?:into|to look like|look like|so that it shows|to)\s+(.+)$|"
    rf"\bmake\s+(?:it|that|this|the {_NOUNS}|{SOURCE.pattern})\s+(.+)$",
    re.IGNORECASE | re.DOTALL,
)


def kind_of(clause: str) -> str | None:
    """The kind of a clause, from its first verb or else from any word in it."""
    first = next((kind for kind, pattern in _FIRST if pattern.match(clause)), None)
    if first == "draw" and GIF.search(clause):
        return "gif"
    return first or next((kind for kind, pattern in _WITHIN if pattern.search(clause)), None)


def which_of(clause: str) -> int | str | None:
    """The picture that a clause means: a number from 0, -1, ``all``, ``latest``, or none."""
    if _ALL.search(clause):
        return "all"
    ordinal = _ORDINAL.search(clause)
    if ordinal:
        return _ORDINALS[ordinal[1].lower()]
    return "latest" if _LATEST.search(clause) else None


def is_reference(prompt: str) -> bool:
    """Whether a prompt only points to a picture, as in "a GIF of the last scene"."""
    return _ONLY_REFERENCE.fullmatch(prompt) is not None


def means_one_picture(prompt: str) -> bool:
    """Whether a prompt asks for a single picture, as in "the last page as it says"."""
    return _ONE.search(prompt) is not None


def without_greeting(sentences: list[str]) -> list[str]:
    """The sentences without greetings such as "Hello, this is the author."."""
    return [sentence for sentence in sentences if not _GREETING.match(sentence)] or sentences


def means_transcript(prompt: str) -> bool:
    """Whether a prompt points to what a recording says, as in "illustrate what it says"."""
    return _TRANSCRIPT.fullmatch(prompt) is not None


def target_of(clause: str) -> str:
    """The target of an edit: "turn it into a watercolour" asks for "a watercolour"."""
    match = _TARGET.search(clause)
    found = next((group for group in match.groups() if group), "") if match else ""
    return tidy(SOURCE.sub("", found))


def prompt_of(clause: str) -> str:
    """The subject of a picture: "draw me a picture of a cat, please" asks for "a cat"."""
    text = _FRAME.sub("", _OPENING.sub("", clause.strip(), count=1), count=1)
    return tidy(_ASIDES.sub("", text))


def tidy(text: str) -> str:
    """A text without line breaks and without punctuation around it."""
    return " ".join(text.split()).strip(' .,;:!?"\u201c\u201d')
