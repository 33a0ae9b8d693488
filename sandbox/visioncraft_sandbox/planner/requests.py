"""Finds what a request asks for: the wishes in a text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from visioncraft_sandbox.planner.phrases import (
    NOUNS,
    SIZE,
    WORDS,
    after,
    is_sound,
    sentences,
    sources,
    tidy,
)

PICTORIAL = frozenset({"draw", "gif", "rework", "upscale"})
"""Kinds whose results are pictures."""
NEEDS_PICTURE = frozenset({"upscale", "video", "caption", "rework"})
_DRAWN = ("draw", "gif")

_FILLERS, _VERBS = ("|".join(WORDS[name].split()) for name in ("fillers", "verbs"))
CAPABILITIES: dict[str, dict[str, list[str]]] = WORDS["capabilities"]
"""The kinds of work."""
_LEAD = re.compile(rf"(?:[\W_]*+(?:{_FILLERS})(?![\w']))*+[\W_]*+", re.IGNORECASE)
_COMMAND = re.compile(rf"{_LEAD.pattern}({_VERBS})(?![\w'])", re.IGNORECASE)
_JOINT = re.compile(
    rf"(?<!\s)(?:(?<=[,;])\s++|\s++(?=(?:and|then|afterwards|finally)\b))"
    rf"(?=(?:(?:{_FILLERS})[\s,]++){{0,5}}(?:{_VERBS})(?![\w']))",
    re.IGNORECASE,
)
_NOTHING = re.compile(
    rf"{_LEAD.pattern}(?:(?:use|using|call|with)\b[^.]{{0,40}}\btools?)?\W*", re.IGNORECASE
)
_ORDINALS: dict[str, int] = WORDS["ordinals"]
_ORDINAL = re.compile(
    rf"\b({'|'.join(_ORDINALS)})\b(?! (?:time|light|day|snow|spring)\b)", re.IGNORECASE
)
COUNTS: dict[str, int] = WORDS["numbers"] | {str(number): number for number in range(1, 9)}
_SERVICE = re.compile(
    r"\s(?:with|using|by) (?:the )?(?:tool|midjourney|openjourney|sdxl)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_FRAME = re.compile(
    rf"(?:(?:short|animated|beautiful|nice|small|new|looping|an?|the|some|{'|'.join(COUNTS)})\s+)*"
    rf"(?:{NOUNS}|(?:gif|animation|video|film|clip|movie)s?) "
    r"(?:of|showing|with|about|where|in which)\s+",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    rf"(?:(?:the|it|that|this|them|{NOUNS}|{'|'.join(_ORDINALS)})\b\W*)*", re.IGNORECASE
)
_NUMBERED = re.compile(r"(?<!\S)(?=\(?\d{1,2}[.):] )")
_ITEM = re.compile(r"\s*(?:[-*\u2022\u2013]|\(?\d{1,2}[.):])\s+(?=\S)")
_MOST_WISHES = 60


@dataclass(frozen=True)
class Wish:
    """One thing that a request asks for."""

    kind: str  # one of `CAPABILITIES`, or ``other`` for anything that some other tool may do
    text: str  # the clause that asks for it
    prompt: str = ""  # the subject, for kinds that make pictures
    sources: tuple[str, ...] = ()  # handles, links and paths in the clause
    which: int | str | None = None
    """The picture meant: a number from 0, -1, ``all``, ``latest``, or none; ``transcript`` to draw
    what a recording says."""


def read_wishes(request: str) -> list[Wish]:
    """The wishes in a request, in order."""
    wishes: list[Wish] = []
    growing = False
    for text, scene in itertools.islice(_parts(request), _MOST_WISHES):
        wish = Wish(scene, text, tidy(text)) if scene else _referring(_wish(text), wishes)
        if growing and wish.kind == "other" and not text.rstrip().endswith("?"):
            # "Draw a cat. It wears a hat." is one picture.
            last = wishes.pop()
            wish = replace(last, text=f"{last.text} {text}", prompt=f"{last.prompt}. {tidy(text)}")
        wishes.append(wish)
        growing = not scene and wish.kind in _DRAWN
    return wishes


def _kind_of(text: str) -> str | None:
    """The kind of a clause, from its first verb or else from any word in it."""
    command = _COMMAND.match(text)
    verb = command[1].lower() if command else ""
    first = next((n for n, each in CAPABILITIES.items() if verb in each["verbs"]), None)
    if verb and first:
        return "gif" if first == "draw" and after(text, "gifs?") else first
    said = (n for n, each in CAPABILITIES.items() if n != "rework" and after(text, *each["said"]))
    return next(said, None)


def _wish(text: str) -> Wish:
    named, which, kind = (*sources(text),), _which(text), _kind_of(text)
    refers = bool(named) or which is not None
    if kind == "gif" and refers and not after(text, "gifs?"):
        kind = "video"  # "animate the first picture": only a film starts from a picture
    elif kind in (None, "draw") and refers and after(text, *CAPABILITIES["rework"]["said"]):
        kind = "rework" if _target(text) else kind
    elif kind is None and after(text, WORDS["made"]) and not named:
        kind = "draw"
    if kind is None:
        return Wish("other", text, text, named)
    return Wish(kind, text, (_target if kind == "rework" else _subject)(text), named, which)


def _which(text: str) -> int | str | None:
    """The picture that a clause means."""
    if after(text, *WORDS["every"]):
        return "all"
    ordinal = _ORDINAL.search(text)
    if ordinal:
        return _ORDINALS[ordinal[1].lower()]
    return "latest" if after(text, WORDS["latest"]) else None


def _target(text: str) -> str:
    """The target of an edit: "turn it into a watercolour" asks for "a watercolour"."""
    behind = text[after(text, *WORDS["into"]) :]
    return tidy(" ".join(word for word in behind.split() if not sources(word)))


def _subject(text: str) -> str:
    """The subject of a picture: "draw me a picture of a cat, please" asks for "a cat"."""
    text = SIZE.sub("", text)
    command = _COMMAND.match(text)
    begin = command.end() if command else 0
    lead = _LEAD.match(text, begin)
    text = _SERVICE.sub("", text[lead.end() if lead else begin :])
    frame = _FRAME.match(text)
    return tidy(tidy(text[frame.end() if frame else 0 :]).removesuffix("please"))


def _referring(wish: Wish, before: list[Wish]) -> Wish:
    """Replace a prompt that only refers to another by that prompt."""
    if wish.kind not in _DRAWN:
        return wish
    heard = any(each.kind == "transcribe" for each in before) or any(map(is_sound, wish.sources))
    if heard and (after(wish.prompt, *WORDS["transcript"]) or wish.prompt.lower() == "it"):
        return replace(wish, which="transcript")
    drawn = [each.prompt for each in before if each.kind == "draw"]
    if drawn and _REFERENCE.fullmatch(wish.prompt):
        index = wish.which if isinstance(wish.which, int) else -1
        return replace(wish, prompt=drawn[min(index, len(drawn) - 1)])
    return wish


# ---- clauses, lists and stories --------------------------------------------------------------


def _parts(request: str) -> Iterator[tuple[str, str | None]]:
    """Clauses, each with the kind of its scene if it is part of a story or a list of pictures."""
    scene: str | None = None
    listed = False
    for (text, is_item), (_, next_is_item) in itertools.pairwise([*_lines(request), ("", False)]):
        if listed and not is_item:
            scene = None  # the list has ended
        if scene is not None:
            told, commands = _scene_and_commands(text)
            yield from [(told, scene)] * bool(told)
            scene = scene if is_item or not commands else None
            clauses = _clauses(commands)
        else:
            clauses = _clauses(text)
            if clauses and (text.endswith(":") or (next_is_item and not is_item)):
                scene = _scenes_after(clauses[-1])
            if scene is not None:  # "Illustrate my story. Draw a picture for each scene:"
                clauses = [each for each in clauses[:-1] if _kind_of(each) not in _DRAWN]
        listed = is_item
        yield from ((each, None) for each in clauses)


def _scene_and_commands(text: str) -> tuple[str, str]:
    """Split "She sails home. Then make a GIF of it." into the scene and the command."""
    at = 0
    for sentence in sentences(text):
        if _COMMAND.match(sentence) and _kind_of(sentence):
            break
        at += len(sentence)
    return text[:at], text[at:]


def _scenes_after(intro: str) -> str | None:
    """The kind of the scenes after the introduction of a list or a story."""
    kind = _kind_of(intro)
    return (
        kind if kind in _DRAWN else "draw" if after(intro, r"illustrat\w*", WORDS["made"]) else None
    )


def _lines(request: str) -> list[tuple[str, bool]]:
    """The lines that are not empty, and whether each is an item of a list.

    Items and scenes within a line become lines, too; a line may continue with an item.
    """
    lines: list[tuple[str, bool]] = []
    goes_on = False
    for given in request.splitlines():
        numbered = _NUMBERED.split(given)
        for part in numbered if len(numbered) > 2 else [given]:
            item = _ITEM.match(part)
            line = " ".join(part[item.end() if item else 0 :].split())
            intro, _, story = line.partition(":")
            if goes_on and line and not item and not line.endswith(":"):
                lines[-1] = f"{lines[-1][0]} {line}", True
                continue
            if not item and len(story.split()) > 3 and after(intro, WORDS["story"]):
                lines += [(f"{intro}:", False), *((each, False) for each in _scenes(story, intro))]
            elif line:
                lines.append((line, item is not None))
            goes_on = item is not None
    return lines


def _scenes(story: str, intro: str) -> list[str]:
    """The scenes of a story: as many as its introduction says, or its sentences."""
    counted = next((COUNTS[key] for key in intro.lower().split() if key in COUNTS), 0)
    parts = [each.strip(" .") for each in story.replace(" and ", ", ").split(",")]
    if len(parts) == counted:
        return parts
    return [each.strip() for sentence in sentences(story) for each in sentence.split(";")]


def _clauses(text: str) -> list[str]:
    """Clauses: sentences, and commands after a comma or "and"."""
    found = (each.strip() for sentence in sentences(text) for each in _JOINT.split(sentence))
    return [each for each in found if not _NOTHING.fullmatch(each)]
