"""The tree of errors: as it is drawn, so it is built."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

from langchain_visioncraft import errors
from langchain_visioncraft.errors import VisionCraftError

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, VisionCraftError)
}
_LINE = re.compile(r"^((?:[│ ]   )*)(?:[├└]── )?(\w+(?:Error))\b(.*)$")


def drawn() -> dict[str, tuple[str | None, bool]]:
    """Name → (name of the parent, whether it is marked as recoverable), from the docstring."""
    found: dict[str, tuple[str | None, bool]] = {}
    path: list[str] = []
    tree = str(errors.__doc__).partition("```text\n")[2].partition("```")[0]
    for line in tree.splitlines():
        match = _LINE.match(line)
        assert match, line
        depth = len(match[1]) // 4 + ("─" in line)
        path = [*path[:depth], match[2]]
        found[match[2]] = (path[-2] if depth else None, match[3].endswith("[model]"))
    return found


def test_every_class_is_drawn() -> None:
    assert set(drawn()) == set(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_stands_where_it_is_drawn(name: str) -> None:
    parent = drawn()[name][0]
    assert (CLASSES[name].__bases__[0].__name__ if parent else None) == parent


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_is_recoverable_as_it_is_marked(name: str) -> None:
    assert CLASSES[name].recoverable is drawn()[name][1]


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_says_what_it_means(name: str) -> None:
    assert CLASSES[name].__doc__


def test_a_wrong_request_is_a_value_error_too() -> None:
    assert issubclass(errors.InvalidRequestError, ValueError)


FACTS = {
    "status": 429,
    "detail": "10 per minute",
    "endpoint": "POST /sd",
    "base_url": "https://h.example",
    "retry_after": 60.0,
}


@pytest.mark.parametrize("way", ["pickle", "copy", "deepcopy"])
@pytest.mark.parametrize("name", CLASSES)
def test_an_error_travels_with_all_its_facts(name: str, way: str) -> None:
    error = CLASSES[name]("What happened.", **FACTS)
    error.note = "of one's own"  # type: ignore[attr-defined]
    again = {
        "pickle": lambda: pickle.loads(pickle.dumps(error)),
        "copy": lambda: copy.copy(error),
        "deepcopy": lambda: copy.deepcopy(error),
    }[way]()
    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert (str(again), again.args) == ("What happened.", error.args)


def test_a_missing_key_says_where_to_put_one() -> None:
    message = str(errors.MissingKeyError())
    assert "VISIONCRAFT_API_KEY" in message
    assert "api_key=" in message


def test_a_refused_name_travels_with_its_suggestions() -> None:
    error = errors.UnknownNameError("x")
    error.name, error.suggestions = "Eulr", ["Euler"]
    again = pickle.loads(pickle.dumps(error))
    assert (again.name, list(again.suggestions)) == ("Eulr", ["Euler"])
