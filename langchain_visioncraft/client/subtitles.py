"""Subtitles: SubRip (``.srt``) and WebVTT (``.vtt``), in lines that people can read in time."""

from __future__ import annotations

import html
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, takewhile
from typing import Literal, NamedTuple, TypeAlias

SubtitleFormat: TypeAlias = Literal["srt", "vtt"]
Stretch: TypeAlias = tuple[float, float | None, str]
"""A passage: its start and end in seconds, and its words."""

LINE = 42
"""Columns of a line; a wide character (Chinese, Japanese, Korean) takes two."""
OVERHANG = 4
"""Columns that punctuation may hang out at the end of a line, instead of beginning the next."""
LINES = 2
READING = 17.0
"""Columns that people read per second."""
SPEECH = 15.0
"""Columns that are spoken per second, if the end of a passage is unknown."""
SHORTEST = 1.0
"""The fewest seconds that a subtitle is shown, unless the next one is due."""

LATEST = 1e9
"""Seconds, some thirty years: a later time is a mistake of the host."""

_WIDE = "\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60"
_WIDE += "\U0001f000-\U0001faff\U00020000-\U0003ffff"
_PIECE = re.compile(rf"[{_WIDE}]|[^{_WIDE}]{{1,{LINE}}}")


class Cue(NamedTuple):
    """Lines, and when they are shown, in seconds."""

    start: float
    end: float
    lines: list[str]


def write_subtitles(stretches: Iterable[Stretch], form: SubtitleFormat) -> str:
    """The text of a subtitle file."""
    blocks = [] if form == "srt" else ["WEBVTT\n"]
    for number, cue in enumerate(cues_of(stretches), 1):
        times = f"{_time(cue.start)} --> {_time(cue.end)}"
        if form == "srt":
            lines = [str(number), times.replace(".", ","), *cue.lines]
        else:
            lines = [times, *(html.escape(line, quote=False) for line in cue.lines)]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def cues_of(stretches: Iterable[Stretch]) -> Iterator[Cue]:
    """The subtitles of passages; a long one is divided in proportion to its text."""
    said = [
        (min(max(0.0, start), LATEST), end, " ".join(text.replace("-->", "\u2192").split()))
        for start, end, text in stretches
        if text.strip() and math.isfinite(start)
    ]
    said.sort(key=lambda stretch: stretch[0])
    for number, (start, end, text) in enumerate(said):
        following = said[number + 1][0] if number + 1 < len(said) else math.inf
        width = _width(text)
        heard = min(start + width / SPEECH, max(following, start + SHORTEST))
        if end is not None and start < end <= LATEST:
            heard = end
        # Shown longer, so that people can read it, but not into the next passage.
        until = max(heard, min(start + max(SHORTEST, width / READING), following))
        lines = _lines(text)
        seconds, shown = (until - start) / sum(map(_width, lines)), 0
        for first in range(0, len(lines), LINES):
            group = lines[first : first + LINES]
            begin, shown = shown, shown + sum(map(_width, group))
            begins, ends = start + begin * seconds, start + shown * seconds
            # Players skip subtitles without a duration.
            yield Cue(begins, max(ends, begins + 0.001), group)


def _lines(text: str) -> list[str]:
    """The text in as few lines as possible, about equally long."""
    # A blank before a piece marks a new word; wide characters have none.
    pieces: list[str] = []
    for word in text.split():
        cuts = [0]
        for match in _PIECE.finditer(word):
            # Accents stay with their letter, even where a word is cut.
            marks = sum(1 for _ in takewhile(_is_mark, match[0]))
            if match.start() and marks < len(match[0]):
                cuts.append(match.start() + marks)
        parts = [word[begin:end] for begin, end in pairwise([*cuts, len(word)])]
        pieces += [f" {parts[0]}", *parts[1:]]
    fewest = len(_wrapped(pieces, LINE))
    for limit in range(math.ceil(_width(text) / fewest), LINE):
        if len(lines := _wrapped(pieces, limit)) == fewest:
            return lines
    return _wrapped(pieces, LINE)


def _wrapped(pieces: Sequence[str], limit: int) -> list[str]:
    lines = [""]
    for piece in pieces:
        over = _width(lines[-1] + piece) - limit
        if lines[-1] and over > (OVERHANG if _closes(piece) else 0):
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return lines


def _closes(piece: str) -> bool:
    """Whether this is punctuation that must not begin a line."""
    return unicodedata.category(piece[0]) in ("Pe", "Pf", "Po")


def _is_mark(char: str) -> bool:
    return unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf")


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def _time(seconds: float) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}.{milliseconds:03}"
