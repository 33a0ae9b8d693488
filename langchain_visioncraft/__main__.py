"""``python -m langchain_visioncraft`` is the command ``visioncraft``."""

from __future__ import annotations

from langchain_visioncraft.cli import main

if __name__ == "__main__":
    main()
