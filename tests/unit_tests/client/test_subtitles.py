"""Transcripts as subtitles, and documents of a transcript as one again."""

from __future__ import annotations

import itertools
import re
import unicodedata
from typing import Any

import pytest
from attack.complexity import seconds_of
from langchain_core.documents import Document

from langchain_visioncraft.client import Segment, Transcript
from langchain_visioncraft.client.subtitles import LINE, OVERHANG, READING, _width, cues_of
from langchain_visioncraft.document_loaders.transcripts import Passage, joined, windows
from langchain_visioncraft.errors import InvalidRequestError

SAID: list[tuple[float, float, str]] = [
    (0.0, 2.5, "Good evening."),
    (2.5, 6.0, " Tom & Jerry <say>\nthat 1 --> 2. "),
    (3723.0, 3725.25, "The end."),
]


def transcript(said: Any = SAID) -> Transcript:
    segments = [Segment(start=start, end=end, text=text) for start, end, text in said]
    return Transcript(text=" ".join(text for _, _, text in said), segments=segments)


def test_subrip_has_numbers_commas_and_blank_lines() -> None:
    assert transcript().to_srt() == (
        "1\n00:00:00,000 --> 00:00:02,500\nGood evening.\n\n"
        "2\n00:00:02,500 --> 00:00:06,000\nTom & Jerry <say> that 1 \u2192 2.\n\n"
        "3\n01:02:03,000 --> 01:02:05,250\nThe end.\n"
    )


def test_webvtt_has_a_header_points_and_escapes() -> None:
    assert transcript().to_vtt() == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.500\nGood evening.\n\n"
        "00:00:02.500 --> 00:00:06.000\nTom &amp; Jerry &lt;say&gt; that 1 \u2192 2.\n\n"
        "01:02:03.000 --> 01:02:05.250\nThe end.\n"
    )


def test_without_words_there_are_no_subtitles() -> None:
    assert Transcript(text="").to_srt() == ""
    assert Transcript(text=" ").to_vtt() == "WEBVTT\n"


LONG = (
    "When the lighthouse keeper climbed the stairs that evening, the lamp was already lit, and "
    "somebody had written a name on the window in the dust: it was her own, and the ink was wet."
)


def test_long_stretches_become_several_of_two_lines_each() -> None:
    cues = list(cues_of([(10.0, 22.0, LONG), (22.0, 23.0, "No.")]))
    assert " ".join(line for cue in cues for line in cue.lines) == f"{LONG} No."
    assert all(len(cue.lines) <= 2 and max(map(len, cue.lines)) <= LINE for cue in cues)
    assert len(cues) == 4
    assert (cues[0].start, round(cues[2].end, 9), cues[3].start) == (10.0, 22.0, 22.0)
    assert all(one.end == next_.start for one, next_ in itertools.pairwise(cues[:3]))
    # The lines are about equally long, and so are the times by what is said in them.
    widths = [len(line) for cue in cues[:3] for line in cue.lines]
    assert max(widths) - min(widths) < 15
    assert cues[0].end - cues[0].start == pytest.approx(12 * sum(widths[:2]) / sum(widths))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("\u6708" * 30, ["\u6708" * 15, "\u6708" * 15]),
        ("\u6708" * 21 + "\u3002", ["\u6708" * 21 + "\u3002"]),
        ("\u6708\u5149 in June\u306f" * 4, None),
        ("x" * 100, None),
        ("https://example.com/" + "y" * 60 + " is long", None),
    ],
)  # fmt: skip
def test_lines_are_broken_without_blanks_too(text: str, lines: list[str] | None) -> None:
    [cue, *others] = cues_of([(0.0, 60.0, text)])
    shown = [line for each in (cue, *others) for line in each.lines]
    assert lines is None or shown == lines
    assert "".join(shown).replace(" ", "") == text.replace(" ", "")
    assert all(len(line) + sum(each > "\u2e80" for each in line) <= LINE + 2 for line in shown)


@pytest.mark.parametrize(
    "text",
    [
        "\u3002" * 200,
        "a" * LINE + "!" * 200,
        "\u0e19\u0e35\u0e49\u0e32" * 60,
        "\U0001f468\u200d\U0001f469" * 60,
        "\U00020b9f" * 60,
        "a" + "e\u0301" * 200,
    ],
    ids=["stops", "exclamations", "Thai", "emoji", "rare Chinese", "accents"],
)
def test_no_line_is_longer_for_its_signs(text: str) -> None:
    shown = [line for cue in cues_of([(0.0, 60.0, text)]) for line in cue.lines]
    assert "".join(shown) == text
    assert all(_width(line) <= LINE + OVERHANG for line in shown)
    assert not any(unicodedata.combining(line[0]) for line in shown)


@pytest.mark.parametrize("end", [1.0001, 1.02])
def test_everything_is_shown_for_some_time(end: float) -> None:
    said = transcript([(1.0, end, "word " * 300), (1.0, 2.0, "More.")]).to_vtt()
    times = re.findall(r"(\S+) --> (\S+)", said)
    assert len(times) > 10
    assert all(first < last for first, last in times)


@pytest.mark.parametrize("start", [1e12, 1e300, 1.7e308])
def test_times_that_no_recording_has_lose_no_words(start: float) -> None:
    written = transcript([(0.0, start, "Hello."), (start, start * 1.01, "World.")]).to_srt()
    assert "Hello." in written
    assert "World." in written
    assert all(len(line) < 40 for line in written.splitlines())


def test_a_time_of_hundreds_of_digits_is_none() -> None:
    said = {"text": "Hello.", "segments": [{"start": 1, "end": 10**400, "text": "Hello."}]}
    assert Transcript.model_validate(said).segments == [Segment(start=1, end=None, text="Hello.")]


def test_what_is_said_fast_stays_as_long_as_it_takes_to_read() -> None:
    fast = "a" * 34
    cues = list(cues_of([(0.0, 0.5, fast), (30.0, 30.1, "Yes."), (30.4, 30.5, fast)]))
    assert [round(cue.end - cue.start, 3) for cue in cues] == [34 / READING, 0.4, 34 / READING]


def test_times_that_a_host_does_not_say_are_told_by_the_length_of_the_words() -> None:
    words = "word " * 9
    [only] = cues_of([(5.0, None, words)])
    assert only.end == pytest.approx(5.0 + 44 / 15)
    first, second = cues_of([(9.0, 2.0, "b"), (5.0, None, words * 1)][::-1])
    assert (first.start, first.end, second.start) == (5.0, pytest.approx(5 + 44 / 15), 9.0)
    assert "00:00:20,000" in Transcript(text="Hello.", input_length_ms=20_000).to_srt()
    assert Transcript(text="Hello there.").to_srt().startswith("1\n00:00:00,000 --> 00:00:01,000")
    assert "NaN" not in transcript([(float("nan"), float("inf"), "x"), (-5, 1, "y")]).to_srt()


def test_a_word_of_many_accents_takes_time_that_grows_with_its_length() -> None:
    def seconds(count: int) -> float:
        said = Transcript(text="a" + "\u0301" * count)
        return min(seconds_of(lambda _: said.to_vtt(), "") for _ in range(2))

    assert seconds(1_200_000) <= 6 * seconds(300_000)


def documents(by: str, **more: Any) -> list[Document]:
    spoken = [
        Passage(number * 5.0, number * 5.0 + 5, f"This is sentence {number}, and so on.")
        for number in range(12)
    ]
    groups: Any = {
        "whole": [spoken],
        "segment": [[passage] for passage in spoken],
        "window": windows(spoken, 20, 10),
    }[by]
    facts = {"sha256": "a" * 64, "source": "a.ogg", "language": "en", "duration": 60.0, **more}
    return [
        Document(passage.text, metadata={**facts, "start": passage.start, "end": passage.end})
        for passage in map(joined, groups)
    ]


@pytest.mark.parametrize("by", ["whole", "segment", "window"])
def test_documents_become_one_transcript_again(by: str) -> None:
    made = documents(by)
    heard = Transcript.from_documents(reversed(made))
    assert heard.text == documents("whole")[0].page_content
    assert (heard.language, heard.input_length_ms) == ("en", 60_000)
    spoken = " ".join(line for line in heard.to_srt().splitlines() if re.search("[a-z]", line))
    assert spoken == heard.text
    assert [segment.start for segment in heard.segments] == {
        "whole": [0.0],
        "segment": [number * 5.0 for number in range(12)],
        "window": [0.0, 20.0, 30.0, 40.0, 50.0],
    }[by]


def test_documents_of_two_recordings_or_of_none_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match=r"a\.ogg.* two recordings"):
        Transcript.from_documents([*documents("whole"), *documents("whole", sha256="b" * 64)])
    with pytest.raises(InvalidRequestError, match="has no start time"):
        Transcript.from_documents([Document("a picture", metadata={"width": 5})])
    assert Transcript.from_documents([]).to_vtt() == "WEBVTT\n"


@pytest.mark.parametrize(
    "wrong", ["0:01", "", float("nan"), float("inf"), [1], {}, 10**400], ids=lambda it: f"{it!r:.6}"
)
def test_documents_with_wrong_times_are_refused_or_lack_them(wrong: Any) -> None:
    [document] = documents("whole")
    for field in ("end", "duration", "language"):
        metadata = {**document.metadata, field: wrong}
        heard = Transcript.from_documents([Document("Hello.", metadata=metadata)])
        assert "Hello." in heard.to_srt()
    metadata = {**document.metadata, "start": wrong}
    with pytest.raises(InvalidRequestError, match="has no start time"):
        Transcript.from_documents([Document("Hello.", metadata=metadata)])
