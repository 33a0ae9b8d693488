"""The options of ``visioncraft sandbox`` for the servers behind it.

Keys are options too, but belong into the environment: others on the machine can read a command.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

_PANEL = "Servers of your own behind the API"


def _key(name: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        help=f"The key for --{name}; better in the environment.",
        envvar=f"VISIONCRAFT_SANDBOX_{name.replace('-', '_').upper()}_KEY",
        rich_help_panel=_PANEL,
    )
    return option


def _option(text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(help=text, rich_help_panel=_PANEL)
    return option


Llm: TypeAlias = Annotated[
    str | None,
    _option("What answers chats: a GGUF file, or an OpenAI-compatible server (vLLM, Ollama, …)."),
]
LlmModel: TypeAlias = Annotated[
    str | None, _option("The model there. Default: the caller's if it has it, else its first.")
]
LlmKey: TypeAlias = Annotated[str | None, _key("llm")]
VisionLlm: TypeAlias = Annotated[
    str | None, _option("The server for chats with pictures. Default: --llm.")
]
VisionLlmModel: TypeAlias = Annotated[str | None, _option("As --llm-model.")]
VisionLlmKey: TypeAlias = Annotated[str | None, _key("vision-llm")]
Images: TypeAlias = Annotated[
    str | None,
    _option(
        "What makes pictures: Automatic1111, Forge or ComfyUI. "
        "a1111+http://… or comfyui+http://… says which."
    ),
]
ImagesModel: TypeAlias = Annotated[
    str | None, _option("The checkpoint there. Default: the nearest to the caller's.")
]
ImagesKey: TypeAlias = Annotated[str | None, _key("images")]
Speech: TypeAlias = Annotated[
    str | None,
    _option(
        "What transcribes: a Whisper server with OpenAI's API, or whisper.cpp's. "
        "openai+http://… or whispercpp+http://… says which."
    ),
]
SpeechModel: TypeAlias = Annotated[
    str | None, _option("The model there. Default: its first that transcribes.")
]
SpeechKey: TypeAlias = Annotated[str | None, _key("speech")]
BackendSeconds: TypeAlias = Annotated[
    float,
    typer.Option(help="How long such a server may be silent.", min=1, rich_help_panel=_PANEL),
]
