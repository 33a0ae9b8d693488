"""The results as a chart for the README: groups of bars, in SVG, readable in light and dark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from benchmarks.measure import Measurement

Medians = Mapping[tuple[str, str], Measurement]


@dataclass(frozen=True)
class _Panel:
    """One group of bars: contenders of a case, with the names that people read."""

    title: str
    case: str
    rows: tuple[tuple[str, str], ...]
    unit: str = "ms"
    figure: str = "cpu_ms"


_PANELS = (
    _Panel(
        "A picture of 1.5 MB, CPU a call",
        "picture",
        (
            ("httpx2", "httpx2, kept in memory"),
            ("httpx2, to disk with SHA-256", "httpx2, to disk with SHA-256"),
            ("client.run", "this client, to disk"),
            ("tool.invoke", "this tool, the whole way"),
            ("visioncraftapi", "visioncraftapi"),
        ),
    ),
    _Panel(
        "Upload of a 4 MB picture, CPU a call",
        "upload",
        (
            ("httpx2, stream by hand", "httpx2, streamed by hand"),
            ("client.run", "this client"),
            ("httpx, json=", "httpx, json="),
            ("visioncraftapi", "visioncraftapi"),
        ),
    ),
    _Panel(
        "Upload of a 200 MB recording, growth of memory",
        "recording",
        (
            ("httpx2, stream by hand", "httpx2, streamed by hand"),
            ("client.run", "this client"),
            ("tool.invoke", "this tool"),
            ("httpx, json=", "httpx, json="),
            ("visioncraftapi", "visioncraftapi"),
        ),
        "MB",
        "peak_mb",
    ),
    _Panel(
        "512 calls in flight, CPU a call",
        "fan-out-512",
        (("httpx2", "httpx2"), ("client.run", "this client"), ("tool.abatch", "this tool, abatch")),
    ),
    _Panel(
        "Chat, a stream of 50 chunks, CPU",
        "chat-stream",
        (
            ("OpenAI SDK", "OpenAI SDK"),
            ("ChatOpenAI", "ChatOpenAI"),
            ("ChatVisionCraft", "ChatVisionCraft"),
        ),
    ),
    _Panel(
        "Import, CPU",
        "import",
        (
            ("langchain_visioncraft", "langchain_visioncraft"),
            ("StructuredTool of langchain_core", "StructuredTool (langchain_core)"),
            ("VisionCraftTextToImage", "VisionCraftTextToImage"),
            ("langchain_openai", "langchain_openai"),
            ("ChatVisionCraft", "ChatVisionCraft"),
            ("langchain_google_genai", "langchain_google_genai"),
        ),
    ),
)

_OURS = ("client.run", "tool.", "langchain_visioncraft", "VisionCraft", "ChatVisionCraft")

_WIDTH, _LABEL, _VALUE = 760, 270, 90
_ROW, _TITLE, _GAP = 22, 30, 18
_STYLE = """
text{font:13px system-ui,sans-serif;fill:#1f2328}.t{font-weight:600}.v{fill:#59636e}
.o{fill:#b6bfc9}.u{fill:#d97706}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.v{fill:#9198a1}.o{fill:#4b535d}.u{fill:#f0a030}}
"""


def draw(medians: Medians) -> str:
    """The chart of what was measured; a panel without measurements is left out."""
    parts: list[str] = []
    top = 4
    for panel in _PANELS:
        drawn, height = _panel(panel, medians, top)
        parts += drawn
        top += height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" '
        f'height="{top}" role="img" aria-label="Benchmarks: less is better">'
        f"<style>{_STYLE}</style>{''.join(parts)}</svg>\n"
    )


def _panel(panel: _Panel, medians: Medians, top: int) -> tuple[list[str], int]:
    rows = [
        (name, label, getattr(medians[panel.case, name], panel.figure))
        for name, label in panel.rows
        if (panel.case, name) in medians
    ]
    if not rows:
        return [], 0
    longest = max(value for *_, value in rows) or 1.0
    room = _WIDTH - _LABEL - _VALUE
    parts = [f'<text class="t" x="0" y="{top + 18}">{escape(panel.title)}</text>']
    for number, (name, label, value) in enumerate(rows):
        y = top + _TITLE + number * _ROW
        width = max(2.0, room * value / longest)
        kind = "u" if name.startswith(_OURS) else "o"
        text = f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
        parts.append(
            f'<text x="{_LABEL - 10}" y="{y + 12}" text-anchor="end">{escape(label)}</text>'
            f'<rect class="{kind}" x="{_LABEL}" y="{y}" width="{width:.1f}" height="16" rx="2"/>'
            f'<text class="v" x="{_LABEL + width + 6:.1f}" y="{y + 12}">{text} {panel.unit}</text>'
        )
    return parts, _TITLE + len(rows) * _ROW + _GAP
