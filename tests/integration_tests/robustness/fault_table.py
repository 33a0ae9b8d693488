"""The table of faults (`FAULTS.md`) as rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from visioncraft_sandbox import Fault

TABLE = Path(__file__).with_name("FAULTS.md")
CLOSED_PORT = "(closed port)"
UNKNOWN_CERTIFICATE = "(unknown certificate)"
NOT_APPLICABLE = "-"

PLACES = {
    "{private}": "http://169.254.169.254/latest/meta-data",
    "{elsewhere}": "http://elsewhere.example:{port}{path}",
    "{again}": "{path}",
}
"""What the table's names of places stand for."""


@dataclass(frozen=True)
class Row:
    """A fault and what is expected of it.

    Attributes:
        name: A description.
        order: As the command line reads it, without the endpoint; or how the host cannot be
            connected to at all, in parentheses.
        expected: By the kind of column, such as ``call`` or ``link``.
    """

    name: str
    order: str
    expected: dict[str, str]

    @property
    def is_quiet(self) -> bool:
        """Whether it is a silence that a client does not wait out."""
        return "delay=600" in self.order or "stall=600" in self.order

    def fault(self, endpoint: str, *, port: int, path: str) -> Fault:
        """The fault for one endpoint of a sandbox."""
        order = self.order
        for place, url in PLACES.items():
            order = order.replace(place, url.format(port=port, path=path))
        return Fault.parse(f"{endpoint} {order}")


def rows() -> list[Row]:
    """All rows of the table."""
    return list(_rows(TABLE.read_text(encoding="utf-8")))


def _rows(text: str) -> Iterator[Row]:
    header: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            header = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not header:
            header = [cell.split()[-1] for cell in cells]
        elif set(line) - set("|-"):
            expected = dict(zip(header[2:], cells[2:], strict=True))
            yield Row(cells[0], cells[1].strip("`"), expected)
