"""``python -m visioncraft_sandbox`` is ``visioncraft sandbox``."""

from __future__ import annotations

import sys

from langchain_visioncraft.cli import main

if __name__ == "__main__":
    main(["sandbox", *sys.argv[1:]])
