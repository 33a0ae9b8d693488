"""SECURITY.md has the numbers of the code; other tests, often with smaller ones, see them hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from visioncraft_sandbox import (
    SandboxConfig,
    connections,
    protection,
    records,
    routes_midjourney,
    uploads,
    validation,
)
from visioncraft_sandbox.backends import connection
from visioncraft_sandbox.engines import (
    answer_schemas,
    language,
    language_process,
    schema_checks,
    schema_process,
)
from visioncraft_sandbox.planner import planner, process, tools

from langchain_visioncraft import _json
from langchain_visioncraft.chat_models import completions, normalizing, streams
from langchain_visioncraft.client import base
from langchain_visioncraft.document_loaders import transcripts
from langchain_visioncraft.media import (
    access,
    apart,
    confined,
    decoding,
    listening,
    ordinary,
    sound,
)

PAGE = " ".join((Path(__file__).parents[2] / "SECURITY.md").read_text("utf-8").split())
OURS = SandboxConfig()
HOURS = {2.0: "two hours", 6.0: "six hours", 8.0: "eight hours"}
NUMBERS = {2: "two", 8: "eight", 10: "ten"}
COUNTS = {10**6: "a million"}
MINUTES = {300.0: "five minutes"}
PROMPT = language.CONTEXT_TOKENS


@pytest.mark.parametrize(
    "clause",
    [
        f"a data URL of at most {access.LONGEST_TEXT >> 20} Mi characters",
        f"An answer is limited to {base.DEFAULT_MAX_ANSWER_BYTES >> 20} MiB",
        f"A chat answer is limited to {completions.MAX_ANSWER_BYTES >> 20} MiB",
        "only its first MiB is decoded",
        f"a chat answer holds at most {NUMBERS[normalizing.MOST_VALUES >> 20]} million values",
        f"of which {completions._FREE_VALUES} in each event of a stream do not count",
        f"64 counts of usage and {_json.DEEPEST} levels, and a stream",
        f"beyond {streams._TEXT_AT_ONCE:,} characters of content",
        f"if they are damaged and longer than {streams._MOST_REPAIRED}, or nested more",
        f"a stream {streams._MOST_BLOCKS:,} blocks of content and {streams._MOST_PIECES:,} pieces",
        f"a recording lasts at most {HOURS[transcripts.DEFAULT_MAX_SECONDS / 3600]}",
        f"one frame and at most {ordinary._LARGEST >> 20} MiB",
        f"gets {NUMBERS[listening._MOST_SECONDS]} seconds",
        f"{confined._MOST_SECONDS_IN_ALL // 60} minutes in all",
        f"{listening._MOST_BYTES >> 20} MB of memory",
        f"WAV of at most {listening._SMALL >> 10} KiB with nothing unusual in it is decoded in the",
        f"| {OURS.max_json_bytes >> 20} MiB, {validation._LARGE_BYTES >> 20} MiB with an emoji",
        f"U+FFFF, {validation._MOST_VALUES:,} values",
        f"a packet of more than {sound._LARGEST_PACKET >> 20} MiB",
        f"a frame of more than {sound._LARGEST_FRAME:,} samples",
        f"more than {sound._MOST_CHANNELS} channels",
        f"less than {sound._SLOWEST:,} or more than {sound._FASTEST:,} samples per second",
        f"Elsewhere, the limit is {decoding.MOST_PIXELS // 10**6} million",
        f"It gets {apart._MOST_SECONDS} seconds of the processor's time",
        f"At most {apart._MOST_KEPT} of these processes wait to go on with a picture",
        f"{apart._MOST_BYTES >> 20} MB of memory, and {NUMBERS[apart._BYTES_A_PIXEL]} bytes for",
        f"| {OURS.max_body_bytes >> 20} MiB for all concurrent requests",
        f"| {OURS.max_pixels // 10**6} million pixels",
        f"| {OURS.max_side:,} pixels a side",
        f"| {HOURS[OURS.max_audio_seconds / 3600]}",
        f"| {HOURS[sound._TOGETHER * OURS.max_audio_seconds / 3600]} of all its tracks",
        f"| {OURS.max_text:,} characters",
        f"| {OURS.max_chat_text:,} in a chat",
        f"{PROMPT * language._LONGEST_TOKEN:,} characters, {PROMPT:,} `<\\|`",
        f"{planner._LONGEST_ARGUMENTS:,} characters, {tools._MOST_STEPS:,} steps to fill them in",
        f"to plan: {process._MOST_SECONDS} seconds of the processor's time",
        f"{process._MOST_BYTES >> 20} MB |",
        f"{answer_schemas._MOST_ITEMS_ASKED:,} items of a list",
        f"texts of {answer_schemas._LONGEST_STRING_ASKED:,} characters",
        f"references of {schema_checks._LONGEST_REFERENCE:,} characters, names and values",
        f"4,000 characters; {schema_process._MOST_SECONDS} seconds of the processor's time",
        f"{schema_process._MOST_BYTES >> 20} MB to compile",
        f"answer of the language model (500) | {MINUTES[language._LONGEST_SECONDS]}",
        f"{language_process._MOST_BYTES >> 30} GiB of memory beyond the loaded model",
        f"nothing to say for {language._STOP_SECONDS:.0f} seconds",
        f"| {OURS.max_fetch_bytes >> 20} MiB, {uploads._FETCH_SECONDS:.0f} seconds from look-up",
        f"the same; {uploads._MOST_FETCHED * OURS.max_fetch_bytes >> 20} MiB for all concurrent",
        f"One of up to {uploads._SMALL_BYTES >> 10} KiB always has room",
        f"which count {validation._VALUE_BYTES} bytes more for each value",
        f"| {connection._MOST_BYTES >> 20} MiB, {COUNTS[connection._MOST_VALUES]} values, ten",
        f"headers (431) | {protection._MOST_HEADERS}",
        f"{OURS.files_max_bytes >> 20} MiB of files behind links",
        f"{OURS.page_bytes >> 20} MiB of requests and answers",
        f"{records._ALL_BYTES >> 20} MiB of `Sandbox.requests`",
        f"{routes_midjourney._PROMPT_BYTES >> 20} MiB of prompts",
        f"Beyond {connections._MOST_CONNECTIONS} connections",
        f"or {connections._MOST_UNSENT_BYTES >> 20} MiB of answers",
        f"reads nothing of an answer for {connections._PATIENCE_SECONDS:.0f} seconds",
        f"arriving for more than {validation._ARRIVAL_SECONDS:.0f} seconds",
        f"one of up to {validation._SMALL_BYTES >> 10} KiB always has room",
    ],
)
def test_a_bound_has_the_number_of_the_code(clause: str) -> None:
    assert clause in PAGE
