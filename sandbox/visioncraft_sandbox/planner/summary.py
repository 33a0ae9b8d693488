"""The planner's final answer: what was done, by handle, and that a planner wrote it."""

from __future__ import annotations

from langchain_visioncraft.media.handles import HANDLE
from visioncraft_sandbox.planner.conversation import Call, Conversation
from visioncraft_sandbox.planner.steps import Step

SIGNATURE = "(This was written by the sandbox's rule-based planner, which is no language model.)"
_NOTHING = (
    "I found nothing in this request that one of the offered tools does. I understand plain "
    "requests such as 'draw a lighthouse', 'upscale the first picture', 'make a GIF of a cat', "
    "'turn the last picture into a video', 'describe it' or 'transcribe <file>'."
)
_LONGEST = 1500
_DID = {
    "draw": "drew",
    "gif": "animated",
    "video": "made a video:",
    "upscale": "enlarged",
    "rework": "changed",
}


def summary_text(conversation: Conversation, steps: list[Step]) -> str:
    """The result of each step."""
    if not steps:
        results = [
            f"{call.name} {'failed' if call.failed else 'gave'}: {_short(call.result or '')}"
            for call in conversation.calls
            if call.result is not None
        ]
        return " ".join([*(results or [_NOTHING]), SIGNATURE])
    sentences = [sentence for step in steps for sentence in _sentences(step)]
    return "\n".join([*sentences, SIGNATURE])


def _sentences(step: Step) -> list[str]:
    if not step.parts:
        return [f"I skipped “{_short(step.intent.text)}”: there was nothing to work on."]
    return [_sentence(step, attempts[-1]) for _, attempts in sorted(step.parts.items())]


def _sentence(step: Step, call: Call) -> str:
    if call.result is None:
        return f"{call.name} has returned no result."
    if call.failed:
        return f"I could not do “{_short(step.intent.text)}”: {_short(call.result)}"
    source = next(
        (value for value in call.arguments.values() if isinstance(value, str) and _is_file(value)),
        None,
    )
    files = ", ".join(call.files)
    if not files or step.intent.kind not in _DID:
        about = f" of {source}" if source else ""
        return f"{call.name}{about} gave: {_short(call.result)}"
    did = _DID[step.intent.kind]
    if step.intent.kind in ("draw", "gif"):
        drawn = call.arguments.get(step.tool.prompt_parameter or "", step.intent.prompt)
        return f"I {did} {files}: {drawn}."
    return f"I {did} {files}, from {source}." if source else f"I {did} {files}."


def _is_file(value: str) -> bool:
    return HANDLE.fullmatch(value) is not None or value.startswith(("http://", "https://"))


def _short(text: str) -> str:
    text = text.strip()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
