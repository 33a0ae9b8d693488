"""Keys are taken out of whatever an error may hold."""

from __future__ import annotations

import html
import io
import json
import re
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus, unquote

import pytest

from langchain_visioncraft._redact import Redactor, chain, forget_locals, shortened

KEY = 'vc-"secret"-key'


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        (f"token {KEY}.", "token ***."),
        (json.dumps({"token": KEY}), '{"token": "***"}'),
        (f"{KEY[:9]}…", "***"),
        (f"\udcff{KEY}", "\udcff***"),
        (b"\xff" + KEY.encode(), b"\xff***"),
        ({"error": [KEY, {KEY: (KEY, 1)}]}, {"error": ["***", {"***": ("***", 1)}]}),
        (404, 404),
        (None, None),
    ],
    ids=repr,
)
def test_a_key_is_hidden_wherever_there_is_text(value: Any, hidden: Any) -> None:
    assert Redactor(KEY)(value) == hidden


ESCAPES = {
    "JSON": lambda letter: f"\\u{ord(letter):04x}",
    "JSON in JSON": lambda letter: f"\\\\u{ord(letter):04X}",
    "HTML": lambda letter: f"&#{ord(letter)};",
    "hexadecimal HTML": lambda letter: f"&#X{ord(letter):04X}",
    "URL": lambda letter: f"%{ord(letter):02X}",
}


@pytest.mark.parametrize("every", [1, 2, 5])
@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES)
@pytest.mark.parametrize("key", [KEY, "sk-<a&b>'7", "vc/1 +"])
def test_an_escaped_key_is_hidden_even_in_part(
    key: str, escape: Callable[[str], str], every: int
) -> None:
    written = [letter if at % every else escape(letter) for at, letter in enumerate(key)]
    text = f'{{"error": "bad {"".join(written)}"}}'
    assert Redactor(key)(text) == '{"error": "bad ***"}'
    assert Redactor(key)(text.encode()) == b'{"error": "bad ***"}'


LAYERS: dict[str, Callable[[str], str]] = {
    "JSON": lambda key: json.dumps(key)[1:-1],
    "JSON letters": lambda key: "".join(map(ESCAPES["JSON"], key)),
    "slashes": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "HTML": html.escape,
    "HTML letters": lambda key: "".join(map(ESCAPES["HTML"], key)),
    "URL": lambda key: quote(key, safe=""),
    "URL letters": lambda key: "".join(f"%{byte:02x}" for byte in key.encode()),
    "form": quote_plus,
    "Python": lambda key: repr(key)[1:-1],
}
KEYS = [KEY, "sk-<a&b>'7", "vc/1 +é", "sk%41+b\\/c\\u0041", "sk-$1\\g<0>[a-z]*(x)"]


@pytest.mark.parametrize("outer", LAYERS)
@pytest.mark.parametrize("inner", LAYERS)
@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_was_escaped_twice_is_hidden(key: str, inner: str, outer: str) -> None:
    written = LAYERS[outer](LAYERS[inner](key))
    assert Redactor(key)(f"a & b\\n {written}; c &lt; d") == "a & b\\n ***; c &lt; d"


@pytest.mark.parametrize("inner", LAYERS)
@pytest.mark.parametrize("key", KEYS)
def test_no_part_of_a_key_is_left_where_a_text_was_shortened(key: str, inner: str) -> None:
    written = f"Bad key {LAYERS[inner](key)}"
    for most in range(9, len(written)):
        shown = Redactor(key)(shortened(written, most)).removeprefix("Bad key ")
        for _ in range(2):
            shown = re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), shown)
            shown = html.unescape(unquote(shown))
        assert key[:5] not in shown


def test_names_of_html_and_urls_hide_it_as_well() -> None:
    key = "sk-<a&b>'7"
    assert Redactor(key)(f"<b>{html.escape(key)}</b> {quote(key)}") == "<b>***</b> ***"


def test_no_key_is_found_nowhere() -> None:
    assert Redactor("")("a, b & \\n") == "a, b & \\n"


@pytest.mark.parametrize("written", [KEY.upper(), f"http://{KEY.title()}.example/"])
def test_a_key_in_another_case_is_hidden_in_long_texts_too(written: str) -> None:
    hidden = written.replace(KEY.upper(), "***").replace(KEY.title(), "***")
    for filling in ("", "\N{SNOWMAN}İ", "a" * (1 << 20)):
        assert Redactor(KEY).told(filling + written) == filling + hidden
    assert Redactor("visioncraft")("VisionCraft") == "VisionCraft"


def test_bytes_that_are_too_long_for_an_error_hold_no_part_of_the_key_at_their_end() -> None:
    for letters in range(6, len(KEY)):
        cut = b" " * ((1 << 20) - letters) + KEY.encode()
        assert Redactor(KEY)(cut).strip() == b"***"
        beginning = io.BytesIO(cut[-(1 << 16) - len(KEY) + letters :])
        assert Redactor(KEY).beginning(beginning).strip() == b"***"


def test_an_error_that_holds_it_is_cleaned_in_place() -> None:
    error = ValueError(f"refused {KEY}", 7)
    error.body = {"token": KEY}  # type: ignore[attr-defined]
    Redactor(KEY).clean(error)
    assert error.args == ("refused ***", 7)
    assert vars(error) == {"body": {"token": "***"}}


def test_errors_that_cause_each_other_in_a_circle_are_each_seen_once() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert list(chain(first)) == [first, second]
    forget_locals(first)


@pytest.mark.parametrize("key", ["any", "sandbox", "a", "KEY"])
def test_a_short_word_is_a_placeholder_and_is_not_redacted(key: str) -> None:
    text = f"Give any key to the sandbox, such as {key} or a{key}b."
    assert Redactor(key)(text) == text


@pytest.mark.parametrize("key", ["sandboxes", "any1", "a-b", "1234567", "-ab1-", "$"])
def test_every_other_key_is_redacted_where_it_is_a_whole_word(key: str) -> None:
    assert Redactor(key)(f"Bearer {key}, {key}: '{key}'") == "Bearer ***, ***: '***'"


@pytest.mark.parametrize("key", ["any1", "1234567"])
def test_a_short_key_is_not_redacted_inside_of_a_longer_word(key: str) -> None:
    assert Redactor(key)(f"many{key} {key}2") == f"many{key} {key}2"


def test_what_is_nested_too_deep_to_follow_is_left_out() -> None:
    nested: Any = KEY
    for _ in range(5000):
        nested = {"error": [nested]}
    assert KEY not in str(Redactor(KEY)(nested))


def test_a_long_text_is_shown_as_far_as_an_error_may_go() -> None:
    text = Redactor(KEY)("\\n" * 3_000_000)
    assert len(text) == 1 << 20
    assert Redactor(KEY)(b"\\n" * 3_000_000).decode() == text


def test_a_long_key_costs_no_more_than_its_length() -> None:
    def work(size: int) -> int:
        key = "".join(chr(33 + at % 90) for at in range(size))
        seen = 0

        def count(*_: Any) -> None:
            nonlocal seen
            seen += 1

        sys.setprofile(count)
        try:
            hidden = Redactor(key)(f"{key} {key[:-1]}… {key}")
        finally:
            sys.setprofile(None)
        assert hidden == "*** *** ***"
        return seen

    assert work(8192) <= 1.5 * work(1024) * 8


def test_a_long_answer_stays_whole_without_the_key() -> None:
    letters = "A" * (3 << 20)
    redact = Redactor(KEY)
    assert redact.told([letters, f"{letters}{KEY}"]) == [letters, f"{letters}***"]
    assert redact.told({KEY: "\ud800"}) == {"***": "\N{REPLACEMENT CHARACTER}"}
