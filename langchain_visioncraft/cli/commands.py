"""Which commands there are."""

from __future__ import annotations

_CLI = "langchain_visioncraft.cli"
_SANDBOX = "visioncraft_sandbox.commands"
COMMANDS = {
    "image": (f"{_CLI}.capabilities:image", "Draw a picture from words.", "cli"),
    "again": (f"{_CLI}.again:again", "Make a kept picture again, with its seed.", "cli"),
    "vary": (f"{_CLI}.again:vary", "Make a kept picture with another seed.", "cli"),
    "edit": (f"{_CLI}.capabilities:edit", "Edit a picture from a text prompt.", "cli"),
    "gif": (f"{_CLI}.capabilities:gif", "Make an animated GIF from words.", "cli"),
    "video": (f"{_CLI}.capabilities:video", "Make a short video of a picture.", "cli"),
    "upscale": (f"{_CLI}.capabilities:upscale", "Give a picture more pixels.", "cli"),
    "transcribe": (f"{_CLI}.capabilities:transcribe", "Transcribe a recording.", "cli"),
    "caption": (f"{_CLI}.capabilities:caption", "Describe a picture, or answer a question.", "cli"),
    "chat": (f"{_CLI}.chat:chat", "Ask a chat model once, or talk to it.", "cli"),
    "models": (f"{_CLI}.host:models", "List the names that a host knows.", "cli"),
    "limits": (f"{_CLI}.host:limits", "Show the limits of each tier.", "cli"),
    "store": (f"{_CLI}.store:store", "List, show, check and remove kept media.", "cli"),
    "usage": (f"{_CLI}.usage:usage", "Add up the calls that were made for a store.", "cli"),
    "mcp": (f"{_CLI}.mcp:mcp", "Serve the tools to MCP clients, over stdio or HTTP.", "mcp"),
    "sandbox": (f"{_SANDBOX}:sandbox", "Serve the API on this machine, without a key.", "sandbox"),
    "setup": (f"{_SANDBOX}:setup", "Install the weights of the sandbox's models.", "sandbox"),
}
"""Name → where the command is, what it does, and the extra that it needs."""
