"""The options of ``visioncraft sandbox`` for the servers behind it.

Keys are options too, but belong into the environment: others on the machine can read a command.
"""

from __future__ import annotations

import click

from langchain_visioncraft.cli.base import option, panel

_SERVERS = {
    "llm": (
        "What answers chats: a GGUF file, or an OpenAI-compatible server (vLLM, Ollama, …).",
        "The model there. Default: the caller's if it has it, else its first.",
    ),
    "vision-llm": ("The server for chats with pictures. Default: --llm.", "As --llm-model."),
    "images": (
        "What makes pictures: Automatic1111, Forge or ComfyUI (a1111+http://…, comfyui+http://…).",
        "The checkpoint there. Default: the nearest to the caller's.",
    ),
    "speech": (
        "What transcribes: a Whisper server (openai+http://…, or whispercpp+http://…).",
        "The model there. Default: its first that transcribes.",
    ),
}


def _options(name: str, server: str, model: str) -> list[click.Option]:
    key = f"The key for --{name}; better in the environment."
    variable = f"VISIONCRAFT_SANDBOX_{name.replace('-', '_').upper()}_KEY"
    return [
        option(f"--{name}", server),
        option(f"--{name}-model", model),
        option(f"--{name}-key", key, envvar=variable, show_envvar=True),
    ]


_SECONDS = {"type": click.FloatRange(min=1), "default": 600.0}
BACKENDS = panel(
    "Servers of your own behind the API",
    *(each for name, texts in _SERVERS.items() for each in _options(name, *texts)),
    option("--backend-seconds", "How long such a server may be silent.", **_SECONDS),
)
"""Each is a field of `SandboxConfig`."""
