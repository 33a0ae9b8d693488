"""``python -m visioncraft_sandbox`` is ``visioncraft sandbox``."""

from __future__ import annotations

from visioncraft_sandbox.commands import sandbox

if __name__ == "__main__":
    sandbox.main(prog_name="visioncraft sandbox")
