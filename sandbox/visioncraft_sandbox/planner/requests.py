"""What a request asks for: a table of capabilities, and the wishes in a text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from visioncraft_sandbox.planner.words import Words, is_sound, one_of


@dataclass(frozen=True)
class Capability:
    """The verbs that begin a request for it, and phrases in a request and in a tool's words."""

    verbs: str
    said: str
    tool: str


_NOUNS = (
    "picture*|image*|illustration*|painting*|drawing*|photo*|portrait*|poster*|logo*|scene*|"
    "sketch|sketches|artwork*|wallpaper*|watercolor*|watercolour*|one|ones|page|pages"
)
_DRAW = "draw|paint|illustrate|sketch|render|depict"
CAPABILITIES = {
    "transcribe": Capability(
        "transcribe|listen",
        "transcri*,listen to,speech to text,write down what,"
        "what is|was|does|do … said|say|says|saying",
        "transcri*,speech to text,whisper,what is said",
    ),
    "limits": Capability(
        "",
        "limit|limits|quota|quotas,how many calls|requests|pictures",
        "limit*,quota*,tier|tiers",
    ),
    "list": Capability(
        "",
        "list|which|what|show|tell … model|models|sampler*|scheduler*|lora|loras|refiner*",
        "catalog*,list … names,model|models,sampler*",
    ),
    "upscale": Capability(
        "upscale|enlarge",
        "upscal*,enlarg*,superresolution|super-resolution,higher resolution,"
        "times|twice|2x|4x as large,times|twice|2x|4x larger|bigger",
        "upscal*,enlarg*,superresolution|super-resolution,super resolution,more pixels",
    ),
    "caption": Capability(
        "describe|caption|look",
        "describe|caption|captions,alt text,look at,what do you see,"
        "what's|what in|on|shown|this|it|that,what is|are in|on|shown|this|it|that",
        "caption*,describe*,look at,image to text,vision",
    ),
    "video": Capability(
        "film", "video*|film|films|movie*|mp4|clip|clips", "video*|film*|mp4|movie*"
    ),
    "gif": Capability("animate", "gif|gifs|animat*", "gif*|animat*"),
    "draw": Capability(
        _DRAW,
        _DRAW,
        "text to image,txt2img,draw*|paint*|illustrat*|midjourney|openjourney,"
        "generat*|creat*|make* … image*|picture*,image*|picture* generat*",
    ),
    "rework": Capability(
        "",
        "turn|change|repaint|redraw|restyle|edit|make|replace|convert",
        "image to image,img2img,inpaint*,change*|edit*|repaint*|rework* … image*|picture*",
    ),
}
"""The kinds of work, in the order in which a request is searched for them."""
PICTORIAL = frozenset({"draw", "gif", "rework", "upscale"})
"""Kinds whose results are pictures."""
_DRAWN = ("draw", "gif")
NEEDS_PICTURE = frozenset({"upscale", "video", "caption", "rework"})

_VERBS = one_of(
    "draw paint illustrate sketch render depict upscale enlarge animate make turn convert create "
    "generate describe caption write transcribe listen list show tell film look change repaint "
    "restyle give translate design edit redraw produce get"
)
_FILLERS = one_of(
    "please kindly also now next then finally first afterwards after can could will would you i "
    "i'd want need like to let's lets and me us for thank thanks"
)
_JOINTS = one_of("and then afterwards finally")
_ORDINALS = {
    "first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "sixth": 5, "seventh": 6,
    "eighth": 7, "1st": 0, "2nd": 1, "3rd": 2, "4th": 3, "last": -1, "latest": -1, "final": -1,
    "previous": -1,
}  # fmt: skip
_NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}
COUNTS = _NUMBERS | {str(number): number for number in range(1, 9)}
_MADE = f"create|generate|make|show|give|want|need|like|produce|design|get … {_NOUNS}"
_FRAMES = f"{_NOUNS}|gif*|animation*|video*|film*|clip*|movie*"
_ADJECTIVES = one_of("short animated beautiful nice small new looping a an the some") | {*COUNTS}
_SERVICES = "with|using|by tool|midjourney|openjourney|sdxl,with|using|by the tool|midjourney"
_TRANSCRIPT = (
    "what it|he|she|they|is|was,story|text|transcript|recording|words,each|every sentence,"
    "as … says|asks|tells|wants|intends"
)
_STORY = "story|stories|scene*|tale|page*|verse*|illustrat*|each|chapter*|pictures|images|following"
SIZE = re.compile(r"(?:\b(?:in|at|of|with) )?(?<!\w)(\d{2,5}) ?[x\u00d7] ?(\d{2,5})\b(?: pixels)?")
_NUMBERED = re.compile(r"(?<!\S)(?=\(?\d{1,2}[.):] )")
_ITEM = re.compile(r"(?:[-*\u2022\u2013]|\(?\d{1,2}[.):])\s+(?=\S)")
_MOST_WISHES = 60


@dataclass(frozen=True)
class Wish:
    """One thing that a request asks for.

    Attributes:
        kind: One of `CAPABILITIES`, or ``other`` for anything that a tool of its own may do.
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


def read_wishes(request: str) -> list[Wish]:
    """The wishes in a request, in order."""
    wishes: list[Wish] = []
    growing = False
    for words, scene in itertools.islice(_parts(request), _MOST_WISHES):
        wish = Wish(scene, words, words.tidy) if scene else _referring(_wish(words), wishes)
        if growing and wish.kind == "other" and not words.raw[-1].endswith("?"):
            # "Draw a cat. It wears a hat." is one picture.
            last = wishes.pop()
            whole = Words.of(f"{last.words} {words}")
            wish = replace(last, words=whole, prompt=f"{last.prompt}. {words.tidy}")
        wishes.append(wish)
        growing = not scene and wish.kind in _DRAWN
    return wishes


def kind_of(words: Words) -> str | None:
    """The kind of a clause, from its first verb or else from any word in it."""
    verb = next(iter(words[_behind_fillers(words) :].keys), "")
    first = next((n for n, each in CAPABILITIES.items() if verb in each.verbs.split("|")), None)
    if first == "draw" and words.after("gif|gifs"):
        return "gif"
    said = (n for n, each in CAPABILITIES.items() if n != "rework" and words.after(each.said))
    return first or next(said, None)


def _wish(words: Words) -> Wish:
    sources, which, kind = (*words.sources,), _which(words), kind_of(words)
    refers = bool(sources) or which is not None
    if kind == "gif" and refers and not words.after("gif|gifs"):
        kind = "video"  # "animate the first picture": only a film starts from a picture
    elif kind in (None, "draw") and refers and words.after(CAPABILITIES["rework"].said):
        kind = "rework" if _target(words) else kind
    elif kind is None and words.after(_MADE) and not sources:
        kind = "draw"
    if kind is None:
        return Wish("other", words, str(words), sources)
    return Wish(kind, words, (_target if kind == "rework" else _subject)(words), sources, which)


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
    kept = (each for each in words[behind:].raw if not Words.of(each).sources)
    return Words.of(" ".join(kept)).tidy if behind > 1 else ""


def _subject(words: Words) -> str:
    """The subject of a picture: "draw me a picture of a cat, please" asks for "a cat"."""
    words = Words.of(SIZE.sub("", str(words)))
    at = _behind_fillers(words)
    if {*words.keys[at : at + 1]} & _VERBS:
        at = _behind_fillers(words, at + 1)
    service = words.after(_SERVICES)
    end = service - 2 - (words.keys[service - 2] == "the") if service else len(words.keys)
    words = words[at : end - (words.keys[end - 1 : end] == ("please",))]
    behind = words.after(f"{_FRAMES} of|showing|with|about|where,{_FRAMES} in which")
    framed = bool(behind) and {*words.keys[: behind - 2]} <= _ADJECTIVES
    return words[behind if framed else 0 :].tidy


def _referring(wish: Wish, before: list[Wish]) -> Wish:
    """Replace a prompt that only refers to another by that prompt."""
    if wish.kind not in _DRAWN:
        return wish
    prompt = Words.of(wish.prompt)
    heard = any(each.kind == "transcribe" for each in before) or any(map(is_sound, wish.sources))
    if heard and (prompt.after(_TRANSCRIPT) or prompt.keys == ("it",)):
        return replace(wish, which="transcript")
    drawn = [each.prompt for each in before if each.kind == "draw"]
    references = f"the|it|that|this|them|{_NOUNS}|{'|'.join(_ORDINALS)}"
    if drawn and all(Words.of(key).after(references) for key in prompt.keys):
        index = wish.which if isinstance(wish.which, int) else -1
        return replace(wish, prompt=drawn[min(index, len(drawn) - 1)])
    return wish


# ---- clauses, lists and stories --------------------------------------------------------------


def _parts(request: str) -> Iterator[tuple[Words, str | None]]:
    """Clauses, each with the kind of its scene if it is part of a story or a list of pictures."""
    scene: str | None = None
    listed = False
    for line, following in itertools.pairwise([*_lines(request), ""]):
        item = _ITEM.match(line)
        text = Words.of(line[item.end() :] if item else line)
        if listed and not item:
            scene = None  # the list has ended
        listed = item is not None
        if scene is not None:
            told, commands = _scene_and_commands(text)
            yield from [(told, scene)] * bool(told.raw)
            yield from ((each, None) for each in _clauses(commands))
            scene = scene if listed or not commands.raw else None
            continue
        clauses = _clauses(text)
        if clauses and (line.endswith(":") or (_ITEM.match(following) and not listed)):
            scene = _scenes_after(clauses[-1])
        if scene is not None:  # "Illustrate my story. Draw a picture for each scene:"
            clauses = [each for each in clauses[:-1] if kind_of(each) not in _DRAWN]
        yield from ((each, None) for each in clauses)


def _scene_and_commands(text: Words) -> tuple[Words, Words]:
    """Split "She sails home. Then make a GIF of it." into the scene and the command."""
    at = 0
    for sentence in text.sentences:
        if _is_command(sentence) and kind_of(sentence) is not None:
            break
        at += len(sentence.raw)
    return text[:at], text[at:]


def _scenes_after(intro: Words) -> str | None:
    """The kind of the scenes behind the beginning of a list or a story."""
    kind = kind_of(intro)
    return kind if kind in _DRAWN else "draw" if intro.after(f"illustrat*,{_MADE}") else None


def _lines(request: str) -> list[str]:
    """The lines that are not empty; items and scenes within one become lines, too."""
    lines: list[str] = []
    continues = False  # an item, which the next line may go on with
    for given in request.strip().splitlines():
        numbered = _NUMBERED.split(given)
        for line in map(str.strip, numbered if len(numbered) > 2 else [given]):
            is_item = _ITEM.match(line) is not None
            intro, _, story = line.partition(":")
            tells = not is_item and Words.of(intro).after(_STORY) and len(story.split()) > 3
            if continues and line and not is_item and not line.endswith(":"):
                lines[-1] += f" {line}"
                continue
            lines += (
                [f"{intro}:", *_scenes(story, Words.of(intro))] if tells else [line] * bool(line)
            )
            continues = is_item
    return lines


def _scenes(story: str, intro: Words) -> list[str]:
    """The scenes of a story: those that its beginning counts, or sentences."""
    counted = next((COUNTS[key] for key in intro.keys if key in COUNTS), 0)
    parts = [each.strip(" .") for each in story.replace(" and ", ", ").split(",")]
    if len(parts) == counted:
        return parts
    sentences = Words.of(story).sentences
    return [each.strip() for sentence in sentences for each in str(sentence).split(";")]


def _clauses(line: Words) -> list[Words]:
    """Clauses: sentences, and commands behind a comma or "and"."""

    def begins(at: int) -> bool:
        joint = line.raw[at - 1][-1] in ",;" or line.keys[at] in _JOINTS
        return line.begins_sentence(at) or (joint and _is_command(line[at : at + 6]))

    return [clause for clause in line.split(begins) if not _is_empty(clause)]


def _is_empty(clause: Words) -> bool:
    """Whether it asks for nothing: "please", "use the tool"."""
    rest = [key for key in clause.keys if key and key not in _FILLERS]
    uses = rest[:1] and rest[0] in ("use", "using", "call", "with")
    return not rest or bool(uses and rest[-1] in ("tool", "tools") and len(rest) < 5)


def _is_command(words: Words) -> bool:
    at = _behind_fillers(words)
    return bool({*words.keys[at : at + 1]} & _VERBS)


def _behind_fillers(words: Words, at: int = 0) -> int:
    places = range(at, len(words.keys))
    return next((n for n in places if words.keys[n] not in _FILLERS), len(words.keys))
