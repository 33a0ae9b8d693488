"""Transcription with the real model."""

import importlib.util
import io
import itertools
import json
import threading
import wave
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="PyAV is not installed")
pytest.importorskip("faster_whisper", reason="faster-whisper is not installed")

from visioncraft_sandbox.engines import speech, weights
from visioncraft_sandbox.engines.speech import Transcriber, as_wav
from visioncraft_sandbox.engines.stopping import StoppedError, until

try:
    weights.whisper_model_dir()
except weights.EngineUnavailable as error:
    pytest.skip(str(error), allow_module_level=True)

NOTE = Path(__file__).parents[4] / "cookbook" / "assets" / "spoken_note.ogg"


@pytest.fixture(scope="module")
def transcriber():
    return Transcriber()


@pytest.fixture(scope="module")
def answer(transcriber):
    return transcriber.transcribe(NOTE.read_bytes(), language="en-GB")


@pytest.mark.parametrize("word", ["author", "Mina", "lighthouse", "orange cat", "boat", "stars"])
def test_the_key_words_of_the_note_are_transcribed(answer, word):
    assert word in answer["text"]


def test_segments_follow_each_other_in_time(answer):
    times = [time for segment in answer["segments"] for time in (segment["start"], segment["end"])]
    assert times == sorted(times)


def test_the_last_segment_ends_within_the_recording(answer):
    assert answer["segments"][-1]["end"] * 1000 <= answer["input_length_ms"] + 500


def test_the_recordings_length_is_reported(answer):
    assert 11_000 < answer["input_length_ms"] < 12_500


def test_the_answer_has_exactly_the_documented_keys(answer):
    assert set(answer) == {
        "text", "segments", "language", "input_length_ms", "request_id", "inference_status",
    }  # fmt: skip


def test_a_segment_has_exactly_the_documented_keys(answer):
    assert set(answer["segments"][0]) == {
        "id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob",
        "compression_ratio", "no_speech_prob",
    }  # fmt: skip


def test_the_answer_is_plain_json(answer):
    assert json.loads(json.dumps(answer)) == answer


def test_a_path_is_decoded_like_its_bytes():
    assert as_wav(NOTE) == as_wav(NOTE.read_bytes())


def test_a_path_with_a_colon_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("concat:note.ogg").write_bytes(NOTE.read_bytes())
    assert as_wav(Path("concat:note.ogg")) == as_wav(NOTE)


def test_faster_whispers_own_decoder_is_not_used(transcriber, answer, monkeypatch):
    # It does not know PyAV 19.
    def refuse(*args, **kwargs):
        pytest.fail("faster-whisper decodes by itself")

    monkeypatch.setattr("faster_whisper.transcribe.decode_audio", refuse)
    monkeypatch.setattr("faster_whisper.audio.decode_audio", refuse)
    assert transcriber.transcribe(NOTE)["text"] == answer["text"]


def test_a_long_recording_is_transcribed_in_parts_that_follow_each_other(
    transcriber, answer, monkeypatch
):
    lengths = []
    transcribe = transcriber._models["tiny.en"].transcribe

    def noted(samples, **settings):
        lengths.append(len(samples) / 16_000)
        return transcribe(samples, **settings)

    monkeypatch.setattr(speech, "_PART_SECONDS", 8)
    monkeypatch.setattr(transcriber._models["tiny.en"], "transcribe", noted)
    parts = transcriber.transcribe(NOTE)
    assert len(lengths) > 1
    assert max(lengths) <= 8
    for word in ("author", "Mina", "lighthouse", "orange cat"):
        assert word in parts["text"]
    segments = parts["segments"]
    times = [time for each in segments for time in (each["start"], each["end"])]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(answer["segments"][-1]["end"], abs=1)
    assert [each["id"] for each in segments] == list(range(len(segments)))
    assert segments[-1]["seek"] == round(lengths[0] * 100)
    assert parts["input_length_ms"] == answer["input_length_ms"]


def test_other_recordings_take_turns_between_the_parts_of_a_long_one(transcriber, monkeypatch):
    held, in_parts = [], speech.in_parts

    def watched(*given):
        for samples in in_parts(*given):
            held.append(transcriber._lock.locked())
            yield samples

    monkeypatch.setattr(speech, "in_parts", watched)
    monkeypatch.setattr(speech, "_PART_SECONDS", 8.0)
    transcriber.transcribe(NOTE.read_bytes())
    assert held == [False, False]


def test_decoding_ends_when_nobody_waits_for_it():
    asked = itertools.count(1)
    with until(lambda: next(asked) > 5), pytest.raises(StoppedError):
        as_wav(NOTE)
    assert next(asked) == 7


def test_transcription_ends_when_nobody_waits_for_it_even_if_nothing_is_said(
    transcriber, monkeypatch
):
    silence = np.zeros(16_000 * 95, np.float32)
    monkeypatch.setattr(speech, "_heard", lambda *_: [silence])
    listened = threading.Event()
    monkeypatch.setattr(speech, "_listen", lambda *_: (listened.set(), None))
    with until(listened.is_set), pytest.raises(StoppedError):
        transcriber.transcribe(NOTE)


def test_a_recording_that_waits_for_another_ends_when_nobody_waits_for_it(transcriber, monkeypatch):
    monkeypatch.setattr(speech, "_PATIENCE", 0.01)
    listened = threading.Event()
    monkeypatch.setattr(speech, "_listen", lambda *_: (listened.set(), None))
    monkeypatch.setattr(speech, "in_parts", lambda *_: [[]])
    with transcriber._lock, until(listened.is_set), pytest.raises(StoppedError):
        transcriber.transcribe(NOTE)


def test_a_list_of_files_opens_none_of_them(transcriber, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("note.ogg").write_bytes(NOTE.read_bytes())
    with pytest.raises(ValueError, match=r"a damaged recording \([^\]\['<]+\)\.$"):
        transcriber.transcribe(b"ffconcat version 1.0\nfile note.ogg\n")


@pytest.mark.parametrize("data", [b"", b"this is text, not sound"])
def test_bytes_without_sound_are_refused(transcriber, data):
    with pytest.raises(ValueError, match="is a damaged recording"):
        transcriber.transcribe(data)


def test_a_picture_is_refused_as_having_no_sound(transcriber):
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (32, 32)).save(buffer, "PNG")
    with pytest.raises(ValueError, match="has no sound track"):
        transcriber.transcribe(buffer.getvalue())


@pytest.mark.parametrize("wanted", [{"task": "translate"}, {"language": "fr"}])
def test_what_tiny_en_cannot_do_is_refused_with_the_command_for_the_model_that_can(
    transcriber, monkeypatch, wanted
):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"only transcribes English.* --speech base"):
        transcriber.transcribe(NOTE, **wanted)


def test_each_answer_names_the_model_that_made_it(transcriber):
    assert transcriber.name("transcribe", "en-GB") == "whisper tiny.en (faster-whisper)"
    assert transcriber.name("transcribe", "de-AT") == "whisper base (faster-whisper)"
    assert transcriber.name("translate") == "whisper base (faster-whisper)"


@pytest.mark.parametrize(("installed", "model"), [(True, "base"), (False, "tiny.en")])
def test_auto_takes_base_where_it_is_installed(transcriber, monkeypatch, installed, model):
    monkeypatch.setattr(speech, "has_whisper_base", lambda: installed)
    assert transcriber.name("transcribe", "auto") == f"whisper {model} (faster-whisper)"
    assert transcriber.name("transcribe") == "whisper tiny.en (faster-whisper)"


def test_what_does_not_sound_like_english_gets_a_note_and_a_line_in_the_log(
    transcriber, monkeypatch, caplog
):
    backwards = np.concatenate([*speech._heard(*speech._listen(NOTE, None))])[::-1].copy()
    monkeypatch.setattr(speech, "_heard", lambda *_: [backwards])
    answer = transcriber.transcribe(NOTE)
    assert "perhaps this is not English" in answer["note"]
    assert "visioncraft setup --speech base" in caplog.text


@pytest.mark.parametrize("kind", ["silence", "hum"])
def test_nothing_is_heard_where_nothing_is_said(transcriber, kind):
    seconds = np.arange(3 * speech.RATE) / speech.RATE
    samples = 0.1 * np.sin(2 * np.pi * 440 * seconds) if kind == "hum" else 0 * seconds
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, speech.RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    answer = transcriber.transcribe(buffer.getvalue())
    assert (answer["text"], answer["segments"]) == ("", [])


@pytest.mark.parametrize(
    ("spoken", "doubtful"),
    [
        ([(5.0, -1.1, 20)], True),
        ([(2.9, -1.1, 20)], False),  # a word or two
        ([(5.0, -0.96, 20)], False),  # English in loud noise
        ([(3.0, -1.2, 30), (3.0, -0.7, 10)], True),  # long segments count for more
        ([], False),
    ],
)
def test_a_model_is_doubtful_of_seconds_of_unlikely_words(spoken, doubtful):
    segments = [
        {"start": 0.0, "end": seconds, "avg_logprob": likely, "tokens": [0] * tokens}
        for seconds, likely, tokens in spoken
    ]
    assert speech.is_doubtful(segments) is doubtful


def test_halves_that_make_another_model_are_not_used(monkeypatch, tmp_path):
    for number in (1, 2):
        (tmp_path / f"model.bin.part{number}").write_bytes(bytes([number]))
    monkeypatch.setattr(
        weights, "whisper_base_part", lambda number: tmp_path / f"model.bin.part{number}"
    )
    with pytest.raises(weights.EngineUnavailable, match=r"model\.bin has the SHA-256"):
        weights.whisper_base_dir()
    assert (tmp_path / "model.bin").read_bytes() == b"\x01\x02"


def test_regional_english_is_accepted(answer):
    assert answer["language"] == "en"
