"""Lists and stories: the scenes of a request, one picture each."""

from __future__ import annotations

import re

from visioncraft_sandbox.planner.patterns import (
    COMMAND,
    MADE,
    NUMBER_WORDS,
    SENTENCE_END,
    kind_of,
)

MOST_SCENES = 12

_STORY = re.compile(
    r"\b(?:story|stories|scenes?|tale|pages?|verses?|illustrate|each|chapters?|pictures|images|"
    r"illustrations|following)\b",
    re.IGNORECASE,
)
_ITEM_LINE = re.compile(r"^\s*(?:\(?\d{1,2}[.):]|[-*\u2022\u2013])\s+(\S.*)$")
_ITEM_INLINE = re.compile(r"(?:(?<=\s)|^)\(?(\d{1,2})[.):]\s+(?=\S)")


def scene_kind(intro: str) -> str | None:
    """The kind of the scenes of a list: pictures, unless it asks for GIFs."""
    kind = kind_of(intro)
    if kind == "gif":
        return "gif"
    if kind == "draw" or (kind is None and MADE.search(intro)) or "illustrat" in intro.lower():
        return "draw"
    return None


def split_list(request: str) -> tuple[str, list[str], str]:
    """Split a request with a list into the text before, the items, and the text after."""
    lines = request.splitlines()
    marks = [index for index, line in enumerate(lines) if _ITEM_LINE.match(line)]
    # "Then:" between two lists begins the second, which is read separately.
    breaks = [
        index
        for index in range(marks[1] if marks[1:] else 0, marks[-1] if marks else 0)
        if index not in marks and lines[index].rstrip().endswith(":")
    ]
    marks = [mark for mark in marks if not breaks or mark < breaks[0]]
    if len(marks) >= 2:
        items: list[str] = []
        end = breaks[0] if breaks else marks[-1] + 1
        for line in lines[marks[0] : end]:
            match = _ITEM_LINE.match(line)
            if match:
                items.append(match[1].strip())
            elif line.strip():
                items[-1] += f" {line.strip()}"
        return "\n".join(lines[: marks[0]]), items, "\n".join(lines[end:])
    numbers = list(_ITEM_INLINE.finditer(request))
    if [int(match[1]) for match in numbers] == list(range(1, len(numbers) + 1)) and numbers[1:]:
        ends = [*(match.start() for match in numbers[1:]), len(request)]
        found = [
            request[match.end() : end].strip() for match, end in zip(numbers, ends, strict=True)
        ]
        last, _, rest = found[-1].partition("\n")
        return request[: numbers[0].start()], [*found[:-1], last.strip()], rest
    return request, [], ""


def split_story(request: str) -> tuple[str, list[str]]:
    """Split a story after a colon: by paragraphs, lines, sentences or punctuation."""
    intro, colon, story = request.partition(":")
    if not colon or not _STORY.search(intro) or len(story.split()) < 4:
        return request, []
    parts = [part.strip() for part in re.split(r"\n\s*\n", story) if part.strip()]
    if len(parts) < 2:
        parts = [part.strip() for part in story.splitlines() if part.strip()]
    if len(parts) < 2:
        parts = [part.strip() for part in SENTENCE_END.split(story) if part.strip()]
        parts = [scene for part in parts for scene in _side_by_side(part, intro)]
    return intro, parts


def _side_by_side(sentence: str, intro: str) -> list[str]:
    """Scenes between semicolons, or between commas if the intro counts as many."""
    for sign in (";", ","):
        scenes = [part.strip() for part in sentence.split(sign) if part.strip(" .")]
        scenes = [re.sub(r"^and\s+", "", scene) for scene in scenes]
        if len(scenes) > 1 and (sign == ";" or len(scenes) == _count(intro)):
            return scenes
    return [sentence]


def _count(intro: str) -> int | None:
    for word in re.findall(r"\w+", intro.lower()):
        if word in NUMBER_WORDS or word.isdigit():
            return NUMBER_WORDS.get(word) or int(word)
    return None


def scene_and_commands(item: str) -> tuple[str, list[str]]:
    """Split "She sails home. Then make a GIF of it." into the scene and the command."""
    sentences = [part.strip() for part in SENTENCE_END.split(item) if part.strip()]
    for index, sentence in enumerate(sentences):
        if COMMAND.match(sentence) and kind_of(sentence) is not None:
            return " ".join(sentences[:index]), sentences[index:]
    return item, []
