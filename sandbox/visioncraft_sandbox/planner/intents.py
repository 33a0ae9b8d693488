"""Reads the intents in a request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from visioncraft_sandbox.planner import patterns, scenes
from visioncraft_sandbox.planner.conversation import SOURCE, is_sound

PICTORIAL = frozenset({"draw", "gif", "rework", "upscale"})
"""Kinds whose results are pictures."""
NEEDS_PICTURE = frozenset({"upscale", "video", "caption", "rework"})


@dataclass(frozen=True)
class Intent:
    """One thing that a request asks for.

    Attributes:
        kind: ``draw``, ``gif``, ``video``, ``upscale``, ``rework``, ``caption``, ``transcribe``,
            ``list``, ``limits``, or ``other`` for anything that a tool of its own may do.
        text: The clause that asks for it.
        prompt: The subject, for kinds that make pictures.
        sources: Handles, links and paths in the clause.
        which: The picture meant: a number from 0, -1, ``all``, ``latest``, or none;
            ``transcript`` to draw what a recording says.
    """

    kind: str
    text: str
    prompt: str = ""
    sources: tuple[str, ...] = field(default_factory=tuple)
    which: int | str | None = None


def read_intents(request: str) -> list[Intent]:
    """The intents in a request, in order."""
    intents: list[Intent] = []
    complete = True
    for text, scene_kind in _clauses(request.strip()):
        if scene_kind is not None:
            intents.append(Intent(scene_kind, text, prompt=patterns.tidy(text)))
            complete = True
            continue
        intent = _referring(_intent(text), intents)
        last = intents[-1] if intents else None
        goes_on = intent.kind == "other" and not complete and not text.rstrip().endswith("?")
        if goes_on and last is not None:
            # "Draw a cat. It wears a hat." is one picture.
            prompt = f"{last.prompt}. {patterns.tidy(text)}"
            intents[-1] = replace(last, text=f"{last.text} {text}", prompt=prompt)
        else:
            intents.append(intent)
            complete = intent.kind not in ("draw", "gif")
    return intents


def _clauses(request: str) -> Iterator[tuple[str, str | None]]:
    """Clauses, each with the kind of its scene if it is part of a story."""
    intro, items, rest = scenes.split_list(request)
    kind = scenes.scene_kind(intro)
    if not items and kind is not None:
        intro, items = scenes.split_story(request)
    if not items:
        yield from ((clause, None) for clause in _split(request))
        return
    if kind is None:
        yield from ((clause, None) for clause in _split(intro))
    for item in items[: scenes.MOST_SCENES]:
        scene, commands = scenes.scene_and_commands(item)
        if scene:
            is_command = kind is None or patterns.COMMAND.match(scene) is not None
            yield scene, None if is_command and patterns.kind_of(scene) is not None else kind
        yield from ((clause, None) for command in commands for clause in _split(command))
    if rest.strip():
        yield from _clauses(rest.strip())


def _split(text: str) -> Iterator[str]:
    for line in text.splitlines():
        for sentence in patterns.SENTENCE_END.split(line):
            for part in patterns.JOINT.split(sentence):
                if not patterns.EMPTY.fullmatch(part):
                    yield part.strip()


def _intent(clause: str) -> Intent:
    sources = tuple(SOURCE.findall(clause))
    which = patterns.which_of(clause)
    kind = patterns.kind_of(clause)
    refers = bool(sources) or which is not None
    if kind == "gif" and refers and not patterns.GIF.search(clause):
        kind = "video"  # "animate the first picture": only a film starts from a picture
    elif kind in (None, "draw") and refers and patterns.REWORK.search(clause):
        kind = "rework" if patterns.target_of(clause) else kind
    elif kind is None and patterns.MADE.search(clause) and not sources:
        kind = "draw"
    if kind is None:
        return Intent("other", clause, clause, sources)
    prompt = patterns.target_of(clause) if kind == "rework" else patterns.prompt_of(clause)
    return Intent(kind, clause, prompt, sources, which)


def _referring(intent: Intent, before: list[Intent]) -> Intent:
    """Replace a prompt that only refers to another by that prompt."""
    if intent.kind not in ("draw", "gif"):
        return intent
    transcribed = any(other.kind == "transcribe" for other in before)
    sounds = tuple(source for source in intent.sources if is_sound(source))
    if (transcribed or sounds) and patterns.means_transcript(intent.prompt):
        return replace(intent, which="transcript")
    drawn = [other for other in before if other.kind == "draw"]
    if drawn and patterns.is_reference(intent.prompt):
        index = intent.which if isinstance(intent.which, int) else -1
        return replace(intent, prompt=drawn[min(index, len(drawn) - 1)].prompt)
    return intent
