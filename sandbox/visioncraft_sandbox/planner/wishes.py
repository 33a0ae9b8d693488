"""From the words of a request to the steps that it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from visioncraft_sandbox.planner import patterns, scenes
from visioncraft_sandbox.planner.talk import SOURCE, is_sound

PICTORIAL = frozenset({"draw", "gif", "rework", "upscale"})
"""Kinds of steps whose results are pictures."""
NEEDS_PICTURE = frozenset({"upscale", "video", "caption", "rework"})


@dataclass(frozen=True)
class Wish:
    """One thing that a request asks for.

    Attributes:
        kind: ``draw``, ``gif``, ``video``, ``upscale``, ``rework``, ``caption``, ``transcribe``,
            ``list``, ``limits``, or ``other`` for anything that a tool of its own may do.
        text: The clause that asks for it.
        prompt: What is to be seen, for kinds that make pictures.
        sources: Handles, links and paths in the clause.
        which: A number from 0 or -1, ``all``, ``latest``, or ``None`` if no picture is meant;
            ``transcript`` if what a recording says is to be drawn.
    """

    kind: str
    text: str
    prompt: str = ""
    sources: tuple[str, ...] = field(default_factory=tuple)
    which: int | str | None = None


def read_wishes(request: str) -> list[Wish]:
    """Find what a request asks for, in its order."""
    wishes: list[Wish] = []
    complete = True
    for text, scene_kind in _clauses(request.strip()):
        if scene_kind is not None:
            wishes.append(Wish(scene_kind, text, prompt=patterns.tidy(text)))
            complete = True
            continue
        wish = _referring(_wish(text), wishes)
        last = wishes[-1] if wishes else None
        goes_on = wish.kind == "other" and not complete and not text.rstrip().endswith("?")
        if goes_on and last is not None:
            # "Draw a cat. It wears a hat." is one picture.
            prompt = f"{last.prompt}. {patterns.tidy(text)}"
            wishes[-1] = replace(last, text=f"{last.text} {text}", prompt=prompt)
        else:
            wishes.append(wish)
            complete = wish.kind not in ("draw", "gif")
    return wishes


def _clauses(request: str) -> Iterator[tuple[str, str | None]]:
    """Clauses, each with the kind of its scene if it is one of a story's."""
    intro, items, rest = scenes.listed(request)
    kind = scenes.scene_kind(intro)
    if not items and kind is not None:
        intro, items = scenes.told(request)
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


def _wish(clause: str) -> Wish:
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
        return Wish("other", clause, clause, sources)
    prompt = patterns.target_of(clause) if kind == "rework" else patterns.prompt_of(clause)
    return Wish(kind, clause, prompt, sources, which)


def _referring(wish: Wish, before: list[Wish]) -> Wish:
    """Replace a prompt that only points to something by what it points to."""
    if wish.kind not in ("draw", "gif"):
        return wish
    heard = any(other.kind == "transcribe" for other in before)
    sounds = tuple(source for source in wish.sources if is_sound(source))
    if (heard or sounds) and patterns.means_transcript(wish.prompt):
        return replace(wish, which="transcript")
    drawn = [other for other in before if other.kind == "draw"]
    if drawn and patterns.is_reference(wish.prompt):
        index = wish.which if isinstance(wish.which, int) else -1
        return replace(wish, prompt=drawn[min(index, len(drawn) - 1)].prompt)
    return wish
