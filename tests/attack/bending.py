"""JSON that is bent: in some places something stands that nobody expects there."""

from __future__ import annotations

import copy
import random
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**63, 10**40, 1e308, 0.5, float("nan"), float("inf"), "", " ",
    "x", "null", "7", "{", "{}", '{"a": 1}', "[]", '"{}"', "\x00", "\ud800", "a" * 5000, "9" * 400,
    [], {}, [[]], [None], [[[[[[[[[]]]]]]]]], ["a", 1], {"": {}}, {"a": {"b": [1]}}, [{}],
    {"error": "x"}, {"message": {"content": 5}}, {"name": None}, {"type": "text"}, {"text": 5},
)  # fmt: skip


def bent(value: Any, chance: random.Random, places: int) -> Any:
    """A copy in which so many places hold something else, or nothing, or twice the same."""
    root = {"": copy.deepcopy(value)}
    for _ in range(places):
        place: Any = root
        name: Any = ""
        while isinstance(place[name], dict | list) and place[name] and chance.random() < 0.8:
            place = place[name]
            name = chance.choice(list(place) if isinstance(place, dict) else range(len(place)))
        way = chance.random()
        if way < 0.15 and place is not root:
            del place[name]
        elif way < 0.25 and isinstance(place, list):
            place.append(copy.deepcopy(place[name]))
        elif way < 0.35:
            place[name] = [copy.deepcopy(place[name])]
        elif way < 0.4:
            place[name] = {"a": copy.deepcopy(place[name])}
        else:
            place[name] = copy.deepcopy(chance.choice(ODD))
    return root[""]
