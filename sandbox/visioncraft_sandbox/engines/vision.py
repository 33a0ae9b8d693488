"""The vision engine: descriptions of pictures, and answers to questions about them.

They are based on what was seen, read, measured or stored. If the models cannot answer a question,
the answer is "I cannot tell", followed by what they can tell.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from visioncraft_sandbox.engines import labels
from visioncraft_sandbox.engines.colours import COLOUR_WORDS, colours_inside, listed
from visioncraft_sandbox.engines.eyes import Box, Eyes
from visioncraft_sandbox.engines.labels import amount, meanings_of, plural
from visioncraft_sandbox.engines.sight import Looked, Thing

_SHOWN_TEXT = 600  # letters
_STORED = "Stored in its file:"
_FURNITURE = {"vehicle", "furniture", "building"}
_COUNTED = 4  # with more, the detector tends to miss some
_LONGEST = 2000  # letters of a question that are read


def describe(images: Sequence[Image.Image], text: str = "", *, eyes: Eyes | None = None) -> str:
    """Describe pictures, or answer a question about them, in plain sentences.

    Separate sentences say what was seen, read, measured, and stored in the file. Below their
    thresholds the models say nothing; a question that they cannot answer gets "I cannot tell".

    Args:
        images: The pictures, as opened from their files.
        text: The question. Without one, or if it asks for a description, everything is listed.
        eyes: The models; without them only measurements and the files' own text are used.
    """
    looked, question = [Looked(image, eyes) for image in images], Question(text)
    if not text.strip() or question.asks("describe"):
        return _each(looked, caption if question.asks("brief") else description)
    if len(looked) > 1 and question.asks("which"):
        return _which(looked, question)
    return _each(looked, lambda one, subject: _answered(one, question, subject))


@dataclass(frozen=True)
class Noun:
    """A noun of a question, and the kinds that it may mean."""

    word: str
    kinds: frozenset[str]

    def among(self, things: Sequence[Thing]) -> list[Thing]:
        """The things that it names."""
        return [thing for thing in things if self.kinds & thing.kinds or self.word in thing.kinds]


class Question:
    """A question: its sort, and the words for colours and things that the models know in it.

    It `goes_beyond` if it has any other word that is not empty.
    """

    def __init__(self, text: str) -> None:
        self.text = text[:_LONGEST].lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
        tokens = re.findall(r"[^\W_]+(?:['-][^\W_]+)*", self.text)
        self.colours = [word for word in tokens if word in COLOUR_WORDS]
        self.nouns: list[Noun] = []
        self.goes_beyond = False
        at = 0
        while at < len(tokens):
            noun = _noun(tokens, at)
            if noun is not None:
                self.nouns.append(noun)
                at += noun.word.count(" ")
            elif not _is_empty(tokens[at]):
                self.goes_beyond = True
            at += 1

    def asks(self, sort: str) -> bool:
        """Whether it is of a sort, a key of ``[sorts]`` in ``vision_words.toml``."""
        return labels.SORTS[sort].search(self.text) is not None


def _is_empty(word: str) -> bool:
    """Whether a word says nothing about a picture's content, or only the question's sort."""
    if word in labels.EMPTY or word in COLOUR_WORDS or word.isdecimal():
        return True
    return any(pattern.fullmatch(word) for pattern in labels.SORTS.values())


def _noun(tokens: Sequence[str], at: int) -> Noun | None:
    word = re.sub(r"^[ld]'|'s$", "", tokens[at])
    following = " ".join(tokens[at + 1 : at + 2])
    for phrase in (f"{word} {following}", word):
        kinds = meanings_of(phrase)
        # "The orange cat" is about a cat.
        if kinds and not (phrase in COLOUR_WORDS and meanings_of(following)):
            return Noun(phrase, kinds)
    return None


def _each(looked: Sequence[Looked], told: Callable[[Looked, str], str]) -> str:
    if len(looked) == 1:
        return told(looked[0], "The picture")
    return " ".join(f"Picture {number}: {told(one, 'It')}" for number, one in enumerate(looked, 1))


def _which(looked: Sequence[Looked], question: Question) -> str:
    if not question.nouns:
        return _each(looked, caption)
    fitting = [
        f"picture {number}"
        for number, one in enumerate(looked, 1)
        if all(noun.among(one.things) for noun in question.nouns)
    ]
    wanted = listed([noun.word for noun in question.nouns])
    if not fitting:
        return f"I see {wanted} in none of the {len(looked)} pictures."
    return f"{listed(fitting).capitalize()}: {wanted}."


def _answered(looked: Looked, question: Question, subject: str) -> str:
    for sort, told in _ANSWERS.items():
        if question.asks(sort) and (found := told(looked, question)):
            return found
    if question.asks("presence") and question.nouns:
        return _presence(looked, question)
    return _what(looked, question, subject)


def _cannot_tell(looked: Looked) -> str:
    shown = seen(looked) or drawn(looked)
    if shown:
        return f"I cannot tell. {shown}"
    return f"I cannot tell: I recognise nothing in it with confidence. {measured(looked)}"


def _count(looked: Looked, question: Question) -> str:
    if not question.nouns:
        return _cannot_tell(looked)
    nouns = question.nouns if " and " in question.text else question.nouns[:1]
    told = [_number(looked, noun) for noun in nouns]
    return (
        f"I see {listed([each for each in told if each])}." if all(told) else _cannot_tell(looked)
    )


def _number(looked: Looked, noun: Noun) -> str | None:
    """How many there are of something; `None` if that is doubtful."""
    sure = noun.among([*looked.drawn, *looked.sight.sure])
    candidates = noun.among([*looked.drawn, *looked.sight.things])
    if sure:
        names = {thing.name for thing in sure}
        name = names.pop() if len(names) == 1 else noun.word
        least = "at least " if len(candidates) > len(sure) or len(sure) > _COUNTED else ""
        number = labels.NUMBERS[len(sure)] if len(sure) < len(labels.NUMBERS) else str(len(sure))
        return f"{least}{number} {plural(name, len(sure))}"
    if whole := noun.among(looked.things):
        return f"at least one {whole[0].name}"
    return None if candidates else f"no {noun.word}"


def _colour(looked: Looked, question: Question) -> str:
    main = f"The main colours of the picture are {listed(looked.colours)}."
    if question.goes_beyond:  # the colour of something unknown, or of a part of something
        return f"I cannot tell. {main}"
    for noun in question.nouns:
        for thing in noun.among(looked.sight.sure):
            names = colours_inside(looked.rgb, thing.box) if thing.box else []
            if names:
                return f"The {thing.name} looks {listed(names)}."
        if not noun.among(looked.things):
            return f"I see no {noun.word} with confidence. {main}"
    return main


def _where(looked: Looked, question: Question) -> str:
    found = [thing for noun in question.nouns for thing in noun.among(looked.sight.sure)]
    if found:
        told = [f"{amount(thing.name, 1)} {place([thing])}".strip() for thing in found]
        return f"I see {listed(told)}."
    return "" if question.asks("setting") else _cannot_tell(looked)


def _setting(looked: Looked, _question: Question) -> str:
    if looked.sight.scene:
        return f"The scene looks like {looked.sight.scene}."
    return f"Stored in its file: the setting is {looked.setting}." if looked.setting else ""


_ANSWERS: dict[str, Callable[[Looked, Question], str]] = {
    "count": _count,
    "made": lambda looked, _: stored(looked) or "Its file does not say how it was made.",
    "grey": lambda looked, _: f"It is {'in colour' if looked.is_coloured else 'black-and-white'}.",
    "colour": _colour,
    "size": lambda looked, _: size(looked),
    "beyond": lambda looked, _: _cannot_tell(looked),
    "text": lambda looked, _: (
        "The drawing has no text in it."
        if looked.setting
        else read(looked) or "I can read no text in it."
    ),
    "light": lambda looked, question: "" if question.nouns else f"It {brightness(looked)}.",
    "where": _where,
    "setting": _setting,
}
"""Answers by the sort of a question, in the order in which they are tried; "" is no known sort."""


def _presence(looked: Looked, question: Question) -> str:
    """Yes, no, or which of several."""
    found = {noun: noun.among(looked.things) for noun in question.nouns}
    there = [noun for noun in found if found[noun]]
    if question.asks("choice") and len(found) > 1:
        return f"It is {amount(found[there[0]][0].name, 1)}." if there else _cannot_tell(looked)
    missing = [noun for noun in found if not found[noun]]
    if not missing:
        return _confirmed(looked, question, [thing for noun in there for thing in found[noun]])
    if any(noun.among(looked.sight.things) for noun in missing):
        return _cannot_tell(looked)
    shown = seen(looked) or drawn(looked)
    if not shown:
        return f"I see no {missing[0].word}, but I recognise nothing in it with confidence."
    return f"No, I see no {listed([noun.word for noun in missing])}. {shown}"


def _confirmed(looked: Looked, question: Question, things: Sequence[Thing]) -> str:
    if question.colours:
        names = []
        for thing in things:
            names = colours_inside(looked.rgb, thing.box) if thing.box else looked.colours
            if any(colour in name for colour in question.colours for name in names):
                return f"Yes: the {thing.name} looks {listed(names)}."
        looks = listed(names or looked.colours)
        return f"Not as far as I can see: the {things[0].name} looks {looks}."
    told = counted(things)
    return f"I see {told}, but cannot tell more." if question.goes_beyond else f"Yes: {told}."


def _what(looked: Looked, question: Question, subject: str) -> str:
    """The things of the kind that the question asks for."""
    found = [thing for noun in question.nouns for thing in noun.among(looked.things)]
    if found:
        return f"I see {counted(found)}."
    if any(noun.among(looked.sight.things) for noun in question.nouns):
        return _cannot_tell(looked)
    shown = [seen(looked, subject), read(looked), drawn(looked)]
    told = " ".join(part for part in shown if part)
    if question.nouns and told:
        return f"I see no {question.nouns[0].word} in it. {told}"
    return told or _cannot_tell(looked)


# ---- sentences --------------------------------------------------------------------------------


def description(looked: Looked, subject: str = "The picture") -> str:
    """Everything that is known about a picture, in a few sentences."""
    drawing = drawn(looked)
    made = stored(looked, "It was" if drawing else _STORED)
    parts = [seen(looked, subject), read(looked), drawing, made, measured(looked)]
    return " ".join(part for part in parts if part)


def caption(looked: Looked, subject: str = "The picture") -> str:
    """One sentence: the first that is not empty."""
    return seen(looked, subject) or drawn(looked) or read(looked) or measured(looked)


def seen(looked: Looked, subject: str = "The picture") -> str:
    """What the models see; empty if they are not sure of anything."""
    sight = looked.sight
    sentences = []
    if sight.sure:
        sentences.append(f"{subject} shows {placed(sight.sure)}.")
    if sight.whole:
        start = "As a whole it looks like" if sight.sure else f"{subject} looks like"
        sentences.append(f"{start} {amount(sight.whole.name, 1)}{_kind_of(sight.whole)}.")
    if sight.scene:
        sentences.append(f"The scene looks like {sight.scene}.")
    return " ".join(sentences)


def _kind_of(thing: Thing) -> str:
    """``, a flower``: the plainest kind of something with an uncommon name."""
    kinds = (kind for kind in labels.PLAIN_KINDS if kind in thing.kinds and kind != thing.name)
    return "".join(f" ({kind})" for kind in [*kinds][:1])


def placed(things: Sequence[Thing]) -> str:
    """Things with their numbers and places: ``two people in front of a bus, on the left``."""
    groups: dict[str, list[Thing]] = {}
    for thing in things:
        groups.setdefault(thing.name, []).append(thing)
    stage = next((g[0] for g in groups.values() if len(g) == 1 and g[0].kinds & _FURNITURE), None)
    told, behind = [], False
    for name, group in groups.items():
        if stage is not None and group[0] is stage:
            continue
        words = amount(name, len(group))
        details = {thing.detail for thing in group}
        if None not in details and len(details) == 1:
            words += f" (perhaps {amount(str(details.pop()), 1)})"
        if stage is not None and all(_in_front(thing.box, stage.box) for thing in group):
            words, behind = f"{words} in front of {amount(stage.name, 1)}", True
        told.append(f"{words} {place(group)}".rstrip())
    if stage is not None and not behind:
        told.append(f"{amount(stage.name, 1)} {place([stage])}".rstrip())
    return listed(told)


def _in_front(box: Box | None, stage: Box | None) -> bool:
    """Whether something lower, and not much wider, covers a part of something."""
    if box is None or stage is None:
        return False
    middle = (box[0] + box[2]) / 2
    return stage[0] < middle < stage[2] and box[3] > stage[3] - 0.05 and box[1] > stage[1] - 0.05


def place(things: Sequence[Thing]) -> str:
    """Where things are, as far as one place holds for all of them."""
    boxes = [thing.box for thing in things if thing.box is not None]
    if not boxes or len(boxes) < len(things):
        return ""
    sides = Counter(_side(box) for box in boxes)
    return next(iter(sides)) if len(sides) == 1 else ""


def _side(box: Box) -> str:
    left, top, right, bottom = box
    across, down = (left + right) / 2, (top + bottom) / 2
    if right - left > 0.8 and bottom - top > 0.8:
        return ""
    if across < 0.38:
        return "on the left"
    if across > 0.62:
        return "on the right"
    if down < 0.3:
        return "at the top"
    return "at the bottom" if down > 0.75 else "in the middle"


def read(looked: Looked) -> str:
    """The text in the picture."""
    text = " / ".join(looked.lines)
    return f"The text in it reads: “{_cut(text)}”." if text else ""


def drawn(looked: Looked) -> str:
    """What the sandbox drew."""
    if not looked.setting:
        return ""
    told = f"; the setting is {looked.setting}" if looked.drawn else f"only {looked.setting}"
    return f"{_STORED} the drawing shows {counted(looked.drawn)}{told}."


def counted(things: Sequence[Thing]) -> str:
    """Things with their numbers: ``two cats and a boat``; empty if there are none."""
    numbers = Counter(thing.name for thing in things)
    return listed([amount(name, number) for name, number in numbers.items()]) if numbers else ""


def measured(looked: Looked) -> str:
    """Size, colours and light."""
    colours = listed(looked.colours)
    return f"{size(looked)} Its main colours are {colours}; it {brightness(looked)}."


def size(looked: Looked) -> str:
    """Width, height, format and number of frames."""
    width, height = looked.image.size
    shape = "landscape format" if width > height else "portrait format"
    shape = "square" if 0.95 < width / height < 1.05 else shape
    frames = getattr(looked.image, "n_frames", 1)
    motion = f", animated with {frames} frames" if frames > 1 else ""
    return f"It measures {width} x {height} pixels ({shape}{motion})."


def brightness(looked: Looked) -> str:
    """Its brightness and contrast in words."""
    mean, spread = looked.light
    bright = "dark" if mean < 0.33 else "bright" if mean > 0.66 else "of medium brightness"
    contrast = "low" if spread < 0.1 else "high" if spread > 0.25 else "medium"
    return f"is {bright} ({mean:.0%}) with {contrast} contrast"


def stored(looked: Looked, begin: str = _STORED) -> str:
    """What the file says about how the picture was made."""
    prompt, settings = (_cut(text) for text in looked.stored)
    parts = [f'{begin} made from the prompt "{prompt}".'] if prompt else []
    parts += [f"Settings stored with it: {settings}."] if settings else []
    return " ".join(parts)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_TEXT else f"{text[:_SHOWN_TEXT].rstrip()} …"
