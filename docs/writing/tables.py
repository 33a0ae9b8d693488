"""Tables that are written from the code: endpoints, lists of names, errors."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from langchain_visioncraft import errors as tree
from langchain_visioncraft.client import endpoints as module
from langchain_visioncraft.client.endpoints import Endpoint
from langchain_visioncraft.client.lists import LISTS
from langchain_visioncraft.errors import VisionCraftError
from writing.advice import ADVICE

_SUMMARY = re.compile(
    r"^``(?P<request>[A-Z]+ \S+)``(?P<form>[^(]*)"
    r"\((?P<years>[\d, -]+)\)(?P<note>[^:]*): (?P<gives>.+)$"
)


class Documented(NamedTuple):
    """What the docstring of an endpoint says."""

    name: str
    request: str
    form: str
    years: str
    gives: str


def documented_endpoints() -> Iterator[Documented]:
    """All endpoints but the lists, in the order of the module."""
    for name, value in vars(module).items():
        if not isinstance(value, Endpoint) or name == "list_names":
            continue
        summary = cell((inspect.getdoc(value) or "").partition("\n\n")[0], ticks=2)
        match = _SUMMARY.match(summary)
        if match is None:
            msg = f"The docstring of endpoints.{name} does not say request, years and result."
            raise ValueError(msg)
        form = " ".join(f"{match['form']}{match['note']}".replace("``", "`").split()).strip(", ")
        yield Documented(name, match["request"], form, match["years"], match["gives"])


def endpoints() -> str:
    """Request, years, what comes back, and the function."""
    rows = [
        (
            f"`{each.request}`" + (f" {each.form}" if each.form else ""),
            each.years,
            cell(each.gives),
            f"[`{each.name}`](reference/endpoints.md#takes-{each.name})",
        )
        for each in documented_endpoints()
    ]
    return markdown_table(("request", "documents", "returns", "function"), rows)


def lists() -> str:
    """Where each family's names are served."""
    rows = [
        (
            f"`{family}`",
            kind,
            f"`GET {path.format(base='{base_model}')}`",
            ", ".join(f"`{base}`" for base in bases),
        )
        for (family, kind), (path, bases) in LISTS.items()
    ]
    return markdown_table(("family", "kind", "request", "base models"), rows)


def errors() -> str:
    """The tree of errors: when each is raised, whether a model can recover, and what to do."""
    rows = []
    for depth, kind in _descend(VisionCraftError):
        link = f"reference/errors.md#{kind.__module__}.{kind.__name__}"
        when = cell((inspect.getdoc(kind) or "").partition("\n\n")[0])
        name = f"{'&nbsp;&nbsp;&nbsp;' * depth}[`{kind.__name__}`]({link})"
        rows.append((name, when + (" *Recoverable.*" if kind.recoverable else ""), ADVICE[kind]))
    return markdown_table(("error", "when", "what to do"), rows)


def _descend(kind: type[VisionCraftError], depth: int = 0) -> Iterator[tuple[int, Any]]:
    yield depth, kind
    for below in kind.__subclasses__():
        # Calls join them with foreign errors, under the same name.
        if vars(tree).get(below.__name__) is below:
            yield from _descend(below, depth + 1)


def cell(text: str, ticks: int = 1) -> str:
    """A text as one line that may stand in a table."""
    line = " ".join(text.split()).replace("|", "\\|")
    return line if ticks == 2 else line.replace("``", "`")


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
