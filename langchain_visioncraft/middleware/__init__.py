"""Middleware for agents of LangChain (`create_agent`): the extra ``agents``."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from langchain_visioncraft._lazy import lazy_names

if TYPE_CHECKING:
    from langchain_visioncraft.middleware.budget import Budget
    from langchain_visioncraft.middleware.show_media import ShowMedia

if find_spec("langchain") is None:
    msg = "Middleware needs LangChain: pip install 'langchain-visioncraft[agents]'"
    raise ImportError(msg)

_MODULES = {"Budget": "budget", "ShowMedia": "show_media"}

__all__ = ["Budget", "ShowMedia"]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
