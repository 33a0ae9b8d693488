"""A host whose model knows no tools: it reads instructions, and writes calls as text."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_TOOLS = re.compile(r"<tools>\n(.*?)\n</tools>", re.DOTALL)
_FORM = re.compile(r"follow this JSON schema:\n(.*)\nWrite the values", re.DOTALL)
_WRITTEN = (
    "<tool_call>\n{}\n</tool_call>",
    "Sure! ```json\n{}\n```",
    "{}",
)


def answer(messages: list[dict[str, Any]]) -> str:
    """What the model writes: calls in changing forms, and prose where no tool fits."""
    system = messages[0]["content"] if messages[0]["role"] == "system" else ""
    last = messages[-1]["content"]
    asked = last if isinstance(last, str) else " ".join(part.get("text", "") for part in last)
    if form := _FORM.search(system):
        return f"Here it is:\n{json.dumps(_filled(json.loads(form[1]), asked))}"
    if (tools := _TOOLS.search(system)) and "Done so far" not in asked:
        offered = [json.loads(line)["function"] for line in tools[1].splitlines()]
        named = [
            tool for tool in offered if re.search(rf"\b{tool['name']}\b", asked + system[-200:])
        ]
        words = [tool for tool in offered if tool["name"].split("_")[-1] in asked.lower()]
        if "Answer only with a call" in asked or named or words:
            tool = [*named, *words, *offered][0]
            call = {"name": tool["name"], "arguments": _filled(tool["parameters"], asked)}
            text = json.dumps(call, ensure_ascii=False)
            return _WRITTEN[len(asked) % len(_WRITTEN)].format(text)
    return "Hello! I am a model that only writes text, one word after another."


def _filled(schema: dict[str, Any], asked: str) -> Any:
    """A value of this schema, with what the request says."""
    if "anyOf" in schema:
        schema = schema["anyOf"][0]
    kind = "object" if "properties" in schema else schema.get("type", "string")
    if kind == "object":
        properties = schema.get("properties") or {}
        return {name: _filled(part, asked) for name, part in properties.items()}
    if kind == "array":
        return [_filled(schema.get("items") or {}, asked)]
    numbers = re.findall(r"\d+", asked)
    quoted = re.findall(r"'([^']+)'|\"([^\"]+)\"|: (\S+)", asked)
    words = [word for group in quoted for word in group if word]
    simple = {"integer": int([*numbers, 1][0]), "number": 1.5, "boolean": True}
    return simple.get(kind, [*schema.get("enum", []), *words, "a word"][0])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = answer(body["messages"])
        for stop in body.get("stop") or ():
            text = text.partition(stop)[0]
        if self.path == "/llm":
            self._send(json.dumps({"response": text}).encode(), "application/json")
            return
        head = {"id": "1", "created": 1, "model": body["model"]}
        usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
        if not body.get("stream"):
            choice: dict[str, Any] = {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
            whole = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
            self._send(json.dumps(whole).encode(), "application/json")
            return
        head["object"] = "chat.completion.chunk"
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": text[at : at + 4]} for at in range(0, len(text), 4)]
        chunks = [{**head, "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        end = {"index": 0, "delta": {}, "finish_reason": "stop"}
        chunks += [{**head, "choices": [end]}, {**head, "choices": [], "usage": usage}]
        lines = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
        self._send(f"{lines}data: [DONE]\n\n".encode(), "text/event-stream")

    def _send(self, content: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def text_model_host() -> Iterator[str]:
    """The root of such a host, on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
