"""All cases with their contenders; importing this makes them known."""

from benchmarks.contenders import captions, chat, fan_out, files, imports, pictures, stores

__all__ = ["captions", "chat", "fan_out", "files", "imports", "pictures", "stores"]
