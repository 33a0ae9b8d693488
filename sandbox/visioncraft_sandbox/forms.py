"""JSON forms: what a small model must be told to fill one in."""

from __future__ import annotations

from typing import Any


def form_instruction(schema: dict[str, Any], purpose: str = "") -> str:
    """What a small model must be told to fill in a form: the keys and what each means."""
    properties = schema.get("properties") or {}
    keys = [
        f"{name} ({spec['description']})"
        if isinstance(spec, dict) and spec.get("description")
        else name
        for name, spec in properties.items()
    ]
    what = f" {purpose.strip()}" if purpose.strip() else ""
    return f"Answer with one JSON object.{what} Its keys are: {', '.join(keys) or 'none'}."
