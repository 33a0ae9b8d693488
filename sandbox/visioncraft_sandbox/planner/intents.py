"""What a request asks for: its clauses, and the kind, subject and pictures of each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from visioncraft_sandbox.planner.words import Words, is_sound, one_of

_NOUNS = (
    "picture* image* illustration* painting* drawing* photo* portrait* poster* logo* scene* sketch "
    "sketches artwork* wallpaper* watercolor* watercolour* one ones page pages"
).replace(" ", "|")
_DRAW = "draw|paint|illustrate|sketch|render|depict"


@dataclass(frozen=True)
class Kind:
    """Verbs that begin a clause of this kind, phrases anywhere in it, and in a tool's words."""

    verbs: str
    said: str
    tool: str


KINDS = {
    "transcribe": Kind(
        "transcribe|listen",
        "transcri*,listen to,speech to text,write down what,"
        "what is|was|does|do … said|say|says|saying",
        "transcri*,speech to text,whisper,what is said",
    ),
    "limits": Kind(
        "",
        "limit|limits|quota|quotas,how many calls|requests|pictures",
        "limit*,quota*,tier|tiers",
    ),
    "list": Kind(
        "",
        "list|which|what|show|tell … model|models|sampler*|scheduler*|lora|loras|refiner*",
        "catalog*,list … names,model|models,sampler*",
    ),
    "upscale": Kind(
        "upscale|enlarge",
        "upscal*,enlarg*,superresolution|super-resolution,higher resolution,"
        "times|twice|2x|4x as large,times|twice|2x|4x larger|bigger",
        "upscal*,enlarg*,superresolution|super-resolution,super resolution,more pixels",
    ),
    "caption": Kind(
        "describe|caption|look",
        "describe|caption|captions,alt text,look at,what do you see,"
        "what's|what in|on|shown|this|it|that,what is|are in|on|shown|this|it|that",
        "caption*,describe*,look at,image to text,vision",
    ),
    "video": Kind("film", "video*|film|films|movie*|mp4|clip|clips", "video*|film*|mp4|movie*"),
    "gif": Kind("animate", "gif|gifs|animat*", "gif*|animat*"),
    "draw": Kind(
        _DRAW,
        _DRAW,
        "text to image,txt2img,draw*|paint*|illustrat*|midjourney|openjourney,"
        "generat*|creat*|make* … image*|picture*,image*|picture* generat*",
    ),
    "rework": Kind(
        "",
        "turn|change|repaint|redraw|restyle|edit|make|replace|convert",
        "image to image,img2img,inpaint*,change*|edit*|repaint*|rework* … image*|picture*",
    ),
}
"""The kinds of work, in the order in which a clause is searched for them."""
PICTORIAL = frozenset({"draw", "gif", "rework", "upscale"})
"""Kinds whose results are pictures."""
NEEDS_PICTURE = frozenset({"upscale", "video", "caption", "rework"})

_VERBS = one_of(
    "draw paint illustrate sketch render depict upscale enlarge animate make turn convert create "
    "generate describe caption write transcribe listen list show tell film look change repaint "
    "restyle give translate design edit redraw"
)
_FILLERS = one_of(
    "please kindly also now next then finally first afterwards after can could would will you i "
    "i'd want need like to let's lets and me us for"
)
_JOINTS = one_of("and then afterwards finally")
_ORDINALS = {
    "first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "sixth": 5, "seventh": 6,
    "eighth": 7, "1st": 0, "2nd": 1, "3rd": 2, "4th": 3, "5th": 4, "last": -1, "latest": -1,
    "final": -1, "previous": -1,
}  # fmt: skip
COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}
_MADE = f"create|generate|make|show|give|want|need|like|produce|design|get … {_NOUNS}"
_FRAMES = f"{_NOUNS}|gif*|animation*|video*|film*|clip*|movie*"
_ADJECTIVES = frozenset(
    ["short", "animated", "beautiful", "nice", "small", "new", "looping", "a", "an", "the", "some"]
)
_ABOUT = frozenset(["of", "showing", "with", "about", "in", "where"])
_SERVICES = "with|using|by tool|midjourney|openjourney|sdxl,with|using|by the tool|midjourney"
_TRANSCRIPT = (
    "what it|he|she|they|is|was,story|text|transcript|recording|words,each|every sentence,"
    "as … says|asks|tells|wants|intends"
)
_STORY = "story|stories|scene*|tale|page*|verse*|illustrat*|each|chapter*|pictures|images|following"
_MOST_SCENES = 12
_MOST_CLAUSES = 60


@dataclass(frozen=True)
class Intent:
    """One thing that a request asks for.

    Attributes:
        kind: One of `KINDS`, or ``other`` for anything that a tool of its own may do.
        words: The clause that asks for it.
        prompt: The subject, for kinds that make pictures.
        sources: Handles, links and paths in the clause.
        which: The picture meant: a number from 0, -1, ``all``, ``latest``, or none;
            ``transcript`` to draw what a recording says.
    """

    kind: str
    words: Words
    prompt: str = ""
    sources: tuple[str, ...] = ()
    which: int | str | None = None


def read_intents(request: str) -> list[Intent]:
    """The intents in a request, in order."""
    intents: list[Intent] = []
    complete = True
    for words, scene in itertools.islice(_parts(request), _MOST_CLAUSES):
        if scene:
            intents.append(Intent(scene, words, words.tidy))
            complete = True
            continue
        intent = _referring(_intent(words), intents)
        last = intents[-1] if intents else None
        if last and intent.kind == "other" and not complete and not words.raw[-1].endswith("?"):
            # "Draw a cat. It wears a hat." is one picture.
            prompt = f"{last.prompt}. {words.tidy}"
            intents[-1] = replace(last, words=last.words + words, prompt=prompt)
        else:
            intents.append(intent)
            complete = intent.kind not in ("draw", "gif")
    return intents


def kind_of(words: Words) -> str | None:
    """The kind of a clause, from its first verb or else from any word in it."""
    at = _behind_fillers(words)
    verb = words.keys[at] if at < len(words) else ""
    first = next((name for name, kind in KINDS.items() if verb in kind.verbs.split("|")), None)
    if first == "draw" and words.after("gif|gifs"):
        return "gif"
    said = (name for name, kind in KINDS.items() if name != "rework" and words.after(kind.said))
    return first or next(said, None)


def _intent(words: Words) -> Intent:
    sources, which, kind = (*words.sources,), _which(words), kind_of(words)
    refers = bool(sources) or which is not None
    if kind == "gif" and refers and not words.after("gif|gifs"):
        kind = "video"  # "animate the first picture": only a film starts from a picture
    elif kind in (None, "draw") and refers and words.after(KINDS["rework"].said):
        kind = "rework" if _target(words) else kind
    elif kind is None and words.after(_MADE) and not sources:
        kind = "draw"
    if kind is None:
        return Intent("other", words, str(words), sources)
    prompt = _target(words) if kind == "rework" else _subject(words)
    return Intent(kind, words, prompt, sources, which)


def _which(words: Words) -> int | str | None:
    """The picture that a clause means."""
    if words.after(f"both|them|these|those,all|each|every {_NOUNS},all|each|every … {_NOUNS}"):
        return "all"
    for key, following in zip(words.keys, (*words.keys[1:], ""), strict=True):
        if key in _ORDINALS and following not in ("time", "light", "day", "snow", "spring"):
            return _ORDINALS[key]
    return "latest" if words.after(f"it|that|this|result,the {_NOUNS}") else None


def _target(words: Words) -> str:
    """The target of an edit: "turn it into a watercolour" asks for "a watercolour"."""
    made = f"into,look like,so that it shows,to,make it|that|this,make the {_NOUNS}"
    behind = words.after(made) or words.after("make") + bool(words.sources)
    kept = [word for word in words[behind:].raw if not Words.of((word,)).sources]
    return Words.of(kept).tidy if behind > 1 else ""


def _subject(words: Words) -> str:
    """The subject of a picture: "draw me a picture of a cat, please" asks for "a cat"."""
    at = _behind_fillers(words)
    if words.keys[at : at + 1] and words.keys[at] in _VERBS | {"produce", "get"}:
        at = _behind_fillers(words, at + 1)
    words = words[at : _end_of_subject(words)]
    behind = words.after(f"{_FRAMES} of|showing|with|about|where,{_FRAMES} in which")
    if behind and all(key in _ADJECTIVES or key in COUNTS for key in words.keys[: behind - 2]):
        words = words[behind:]
    return words.tidy


def _end_of_subject(words: Words) -> int:
    """Where asides begin: a size, "please", "as an animated GIF", "with Midjourney"."""
    behind = words.after(_SERVICES)
    end = behind - 2 - (words.keys[behind - 2] == "the") if behind else len(words)
    while end > 1:
        key = words.keys[end - 1]
        if key in ("please", "pixels") or sides_of(key):
            end -= 1
            end -= sides_of(key) is not None and words.keys[end - 1] in ("in", "at", "of", "with")
        elif key in ("gif", "animation", "video") and words[end - 4 : end].after("as a|an"):
            end = next(n for n in range(end - 1, 0, -1) if words.keys[n] == "as")
        else:
            break
    return end


def sides_of(key: str) -> tuple[int, int] | None:
    """Width and height of a word such as "512x256"."""
    width, sign, height = key.partition("x")
    if sign and all(each.isascii() and each.isdigit() for each in (width, height)):
        return (int(width[:5]), int(height[:5])) if len(width) > 1 and len(height) > 1 else None
    return None


def _referring(intent: Intent, before: list[Intent]) -> Intent:
    """Replace a prompt that only refers to another by that prompt."""
    if intent.kind not in ("draw", "gif"):
        return intent
    prompt = Words.of(intent.prompt)
    heard = any(other.kind == "transcribe" for other in before) or any(
        map(is_sound, intent.sources)
    )
    if heard and (prompt.after(_TRANSCRIPT) or prompt.keys == ("it",)):
        return replace(intent, which="transcript")
    drawn = [other for other in before if other.kind == "draw"]
    only = all(Words((key,), (key,)).after(f"the|it|that|this|them|{_NOUNS}") or key in _ORDINALS
               for key in prompt.keys)  # fmt: skip
    if drawn and only:
        index = intent.which if isinstance(intent.which, int) else -1
        return replace(intent, prompt=drawn[min(index, len(drawn) - 1)].prompt)
    return intent


def means_one_picture(prompt: str) -> bool:
    """Whether a prompt asks for a single picture, as in "the last page as it says"."""
    return any(Words.of(prompt).after(f"{noun}") for noun in ("page", "cover", "scene", "picture"))


# ---- clauses, lists and stories --------------------------------------------------------------


def _parts(request: str) -> Iterator[tuple[Words, str | None]]:
    """Clauses, each with the kind of its scene if it is part of a story."""
    for text, listed in _lists(_lines(request)):
        kind = _scene_kind(Words.of(text))
        intro, items = _story(text) if kind and not listed else (text, listed)
        if kind is None or not items:
            yield from ((clause, None) for clause in _clauses(intro))
        for item in items[:_MOST_SCENES]:
            scene, commands = _scene_and_commands(Words.of(item))
            if len(scene):
                is_command = kind is None or (_is_command(scene) and kind_of(scene) is not None)
                yield scene, None if is_command else kind
            yield from ((clause, None) for clause in _clauses(str(commands)))


def _lines(request: str) -> list[str]:
    """The lines; numbers that count from 1 within one begin lines, too."""
    lines: list[str] = []
    for line in request.strip().splitlines():
        words, marks = line.split(), [0]
        for at, word in enumerate(words):
            if word.lstrip("(").rstrip(".):") == str(len(marks)) and word[-1] in ".):":
                marks.append(at)
        cuts = [*(marks if len(marks) > 2 else [0]), len(words)]  # a list has two
        lines += [" ".join(words[a:b]) for a, b in itertools.pairwise(cuts) if a < b or not words]
    return lines


def _item(line: str) -> str | None:
    """The text of a list's item."""
    mark, _, text = line.partition(" ")
    is_mark = mark in ("-", "*", "\u2022", "\u2013") or (
        mark[-1:] in (".", ")", ":") and mark.strip("().:").isdigit()
    )
    return text.strip() if is_mark and text.strip() else None


def _lists(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Lines, each group with the items of the list that follows them."""
    intro, items, waiting = "", list[str](), list[str]()
    for line in lines:
        text = _item(line)
        if text is None:
            waiting.append(line)
            continue
        if items and not any(each.endswith(":") for each in waiting):
            items[-1] = " ".join([items[-1], *waiting])
        else:
            if items:
                yield intro, items  # "Then:" between two lists begins the second
            intro, items = "\n".join(waiting), []
        items.append(text)
        waiting = []
    if len(items) == 1:
        intro, items = f"{intro}\n{items[0]}", []
    yield intro, items
    if any(waiting):
        yield "\n".join(waiting), []


def _scene_kind(intro: Words) -> str | None:
    """The kind of the scenes of a list: pictures, unless it asks for GIFs."""
    kind = kind_of(intro)
    if kind == "gif":
        return "gif"
    return "draw" if kind == "draw" or intro.after(f"illustrat*,{_MADE}") else None


def _story(text: str) -> tuple[str, list[str]]:
    """A story after a colon: by paragraphs, lines, sentences or punctuation."""
    intro, _, story = text.partition(":")
    if not Words.of(intro).after(_STORY) or len(story.split()) < 4:  # of a story
        return text, []
    for sign in ("\n\n", "\n"):
        parts = [part for part in story.split(sign) if part.strip()]
        if len(parts) > 1:
            return intro, parts
    sentences = map(str, Words.of(story).sentences)
    return intro, [scene for each in sentences for scene in _side_by_side(each, Words.of(intro))]


def _side_by_side(sentence: str, intro: Words) -> list[str]:
    """Scenes between semicolons, or between commas if the intro counts as many."""
    counts = [
        COUNTS.get(key) or int(key) for key in intro.keys if key in COUNTS or key in "23456789"
    ]
    for sign in (";", ","):
        parts = [part.strip().removeprefix("and ") for part in sentence.split(sign)]
        parts = [part for part in parts if part.strip(" .")]
        if len(parts) > 1 and (sign == ";" or counts[:1] == [len(parts)]):
            return parts
    return [sentence]


def _scene_and_commands(item: Words) -> tuple[Words, Words]:
    """Split "She sails home. Then make a GIF of it." into the scene and the command."""
    at = 0
    for sentence in item.sentences:
        if _is_command(sentence) and kind_of(sentence) is not None:
            return item[:at], item[at:]
        at += len(sentence)
    return item, item[at:]


def _clauses(text: str) -> list[Words]:
    """Clauses: sentences, and commands behind a comma or "and"."""
    found: list[Words] = []
    for line in map(Words.of, text.splitlines()):

        def begins(at: int, line: Words = line) -> bool:
            joint = line.raw[at - 1][-1] in ",;" or line.keys[at] in _JOINTS
            return line.begins_sentence(at) or (joint and _is_command(line[at : at + 6]))

        found += [clause for clause in line.split(begins) if not _is_empty(clause)]
    return found


def _is_empty(clause: Words) -> bool:
    """Whether it asks for nothing: "please", "use the tool"."""
    rest = [key for key in clause.keys if key and key not in _FILLERS]
    uses = rest[:1] and rest[0] in ("use", "using", "call", "with")
    return not rest or bool(uses and rest[-1] in ("tool", "tools") and len(rest) < 5)


def _is_command(words: Words) -> bool:
    at = _behind_fillers(words)
    return at < len(words) and words.keys[at] in _VERBS


def _behind_fillers(words: Words, at: int = 0) -> int:
    return next((n for n in range(at, len(words)) if words.keys[n] not in _FILLERS), len(words))
