"""``python -m langchain_visioncraft.mcp`` is ``visioncraft mcp``."""

from __future__ import annotations

import sys

from langchain_visioncraft.cli import main

if __name__ == "__main__":
    main(["mcp", *sys.argv[1:]])
