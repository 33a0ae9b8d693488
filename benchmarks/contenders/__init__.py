"""All cases with their contenders; importing this makes them known."""

from benchmarks.contenders import chat, fan_out, files, imports, pictures, stores

__all__ = ["chat", "fan_out", "files", "imports", "pictures", "stores"]
