"""The results as a chart: bars beside those of peers, in SVG, for light, dark and small screens."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, NamedTuple

from benchmarks.goals import Spread


class Panel(NamedTuple):
    """One group of bars: contenders of a case, with the names that people read."""

    title: str
    case: str
    rows: tuple[tuple[str, str], ...]
    unit: str = "ms"
    figure: str = "cpu_ms"


PANELS = (
    Panel(
        "A picture of 1.5 MB, CPU a call",
        "picture",
        (
            ("aiohttp", "aiohttp, kept in memory"),
            ("httpx2", "httpx2, kept in memory"),
            ("client.run", "this client, to disk with SHA-256"),
            ("httpx2, to disk with SHA-256", "httpx2, to disk with SHA-256"),
            ("tool.invoke", "this tool, in a store with provenance"),
            ("visioncraftapi", "visioncraftapi, kept in memory"),
        ),
    ),
    Panel(
        "64 calls in flight, CPU a call",
        "fan-out-64",
        (
            ("aiohttp", "aiohttp, kept in memory"),
            ("client.run", "this client, with the extra fast"),
            ("httpx2", "httpx2, kept in memory"),
            ("tool.abatch", "this tool, abatch"),
        ),
    ),
    Panel(
        "Upload of a 4 MB picture, CPU a call",
        "upload",
        (
            ("httpx2, stream by hand", "httpx2, streamed by hand"),
            ("client.run", "this client"),
            ("httpx, json=", "httpx, json="),
            ("visioncraftapi", "visioncraftapi"),
        ),
    ),
    Panel(
        "Upload of 200 MB, growth of memory",
        "recording",
        (
            ("client.run", "this client"),
            ("tool.invoke", "this tool"),
            ("httpx2, stream by hand", "httpx2, streamed by hand"),
            ("httpx, json=", "httpx, json="),
            ("visioncraftapi", "visioncraftapi"),
        ),
        "MB",
        "peak_mb",
    ),
    Panel(
        "Chat, a stream of 50 chunks, CPU",
        "chat-stream",
        (
            ("OpenAI SDK", "OpenAI SDK"),
            ("ChatOpenAI", "ChatOpenAI"),
            ("ChatVisionCraft", "ChatVisionCraft"),
        ),
    ),
    Panel(
        "Import, CPU",
        "import",
        (
            ("VisionCraftClient", "VisionCraftClient"),
            ("StructuredTool", "StructuredTool, of langchain_core"),
            ("VisionCraftTextToImage", "VisionCraftTextToImage"),
            ("ChatOpenAI", "ChatOpenAI"),
            ("ChatVisionCraft", "ChatVisionCraft"),
            ("langchain_google_genai", "langchain_google_genai"),
        ),
    ),
    Panel(
        "Command line, CPU",
        "command",
        (
            ("Typer, imported", "import typer, and nothing else"),
            ("visioncraft --help", "visioncraft --help"),
            ("visioncraft image --help", "visioncraft image --help"),
            ("visioncraft store list", "visioncraft store list"),
        ),
    ),
)

_OURS = ("client.", "tool.", "VisionCraft", "ChatVisionCraft", "visioncraft ")
_NOT_OURS = ("VisionCraftAPI",)

_WIDTH, _MARGIN = 480, 16
_ROW, _TITLE, _GAP = 36, 34, 16
_AT_END = ' text-anchor="end"'
_STYLE = """
.b{fill:#fff}text{font:14px system-ui,sans-serif;fill:#1f2328}.t{font-weight:600}.m{fill:#59636e}
.o{fill:#aeb8c2}.u{fill:#d97706}.w{stroke:#1f2328;stroke-width:1.5}
@media(prefers-color-scheme:dark){.b{fill:#0d1117}text{fill:#f0f6fc}.m{fill:#9198a1}
.o{fill:#57606a}.u{fill:#e08a1e}.w{stroke:#f0f6fc}}
"""


def draw(cases: Mapping[str, Any]) -> str:
    """The chart of the cases in a file of results; a panel without measurements is left out."""
    parts: list[str] = []
    top = 56
    for panel in PANELS:
        if panel.case in cases:
            drawn, height = _panel(panel, cases[panel.case], top)
            parts += drawn
            top += height
    about = (
        "Orange is this package. Less is better.",
        "Lines: from the lowest to the highest round.",
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" '
        f'height="{top}" role="img" aria-label="Benchmarks. {" ".join(about)}">'
        f'<style>{_STYLE}</style><rect class="b" width="{_WIDTH}" height="{top}" rx="8"/>'
        f"{_text(about[0], _MARGIN, 26, 'm')}{_text(about[1], _MARGIN, 46, 'm')}"
        f"{''.join(parts)}</svg>\n"
    )


def _panel(panel: Panel, case: Mapping[str, Any], top: int) -> tuple[list[str], int]:
    rows = [
        (name, label, Spread.of(case["contenders"][name][panel.figure]))
        for name, label in panel.rows
        if name in case["contenders"]
    ]
    if not rows:
        return [], 0
    parts = [_text(panel.title, _MARGIN, top + 24, "t")]
    if not case["quiet"]:
        parts.append(_text("busy machine", _WIDTH - _MARGIN, top + 24, "m", _AT_END))
    scale = (_WIDTH - 2 * _MARGIN) / (max(spread.highest for *_, spread in rows) or 1.0)
    for number, (name, label, spread) in enumerate(rows):
        y = top + _TITLE + number * _ROW
        kind = "u" if name.startswith(_OURS) and name not in _NOT_OURS else "o"
        width = max(2.0, spread.median * scale)
        low, high = (_MARGIN + value * scale for value in (spread.lowest, spread.highest))
        digits = 0 if spread.median >= 100 else 1 if spread.median >= 1 else 2
        value = f"{spread.median:,.{digits}f}"
        parts += [
            _text(label, _MARGIN, y + 15),
            _text(f"{value} {panel.unit}", _WIDTH - _MARGIN, y + 15, "m", _AT_END),
            f'<rect class="{kind}" x="{_MARGIN}" y="{y + 20}" width="{width:.1f}" height="10"/>',
            f'<path class="w" d="M{low:.1f} {y + 25}H{high:.1f}"/>',
        ]
    return parts, _TITLE + len(rows) * _ROW + _GAP


def _text(text: str, x: float, y: float, kind: str = "", more: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text{style} x="{x}" y="{y}"{more}>{escape(text)}</text>'
