"""Does the peak memory of captioning grow with the number of pictures?

    python benchmarks/caption_memory.py              # 100, 500 and 2,000 pictures
    python benchmarks/caption_memory.py --way tasks --side 2000

For each number a fresh process captions as many pictures of 1600x1200 pixels, no two alike, which
are made on the way, and reports its peak memory. A bare host in another process answers at once, so
that only the loader is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from langchain_core.document_loaders import BlobLoader
from langchain_core.documents.base import Blob

ANSWER = json.dumps(
    {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "llava-1.5-7b-hf",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "A picture of one colour."},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
).encode()


class Host(BaseHTTPRequestHandler):
    """Says the same of every picture."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read all, answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


def serve(ports: Any) -> None:
    """Run the host, and report its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    ports.put(server.server_address[1])
    server.serve_forever()


class Pictures(BlobLoader):
    """Makes pictures while they are taken."""

    def __init__(self, count: int, side: int) -> None:
        self.count = count
        self.side = side

    def yield_blobs(self) -> Iterator[Blob]:
        """One after another, each of another colour."""
        from PIL import Image

        for number in range(self.count):
            colour = (number % 256, number // 256, 99)
            buffer = io.BytesIO()
            Image.new("RGB", (self.side, self.side * 3 // 4), colour).save(buffer, "JPEG")
            yield Blob.from_data(buffer.getvalue(), metadata={"source": f"{number}.jpg"})


def caption(count: int, options: argparse.Namespace, url: str, results: Any) -> None:
    """Caption so many pictures, and tell peak memory and time."""
    from langchain_visioncraft import VisionCraftMediaLoader

    loader = VisionCraftMediaLoader(
        Pictures(count, options.side),
        base_url=url,
        api_key="any",
        max_concurrency=options.concurrency,
    )

    async def in_tasks() -> int:
        return sum([1 async for _ in loader.alazy_load()])

    began = time.perf_counter()
    if options.way == "tasks":
        documents = asyncio.run(in_tasks())
    else:
        documents = sum(1 for _ in loader.lazy_load())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    megabytes = peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    results.put((documents, megabytes, time.perf_counter() - began))


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 500, 2000])
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--side", type=int, default=1600, help="pixels")
    parser.add_argument("--way", choices=["threads", "tasks"], default="threads")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    host = context.Process(target=serve, args=(queue,), daemon=True)
    host.start()
    url = f"http://127.0.0.1:{queue.get()}"
    print(f"{options.concurrency} at a time, in {options.way}")
    print(f"{'pictures':>9} {'peak memory':>12} {'pictures/s':>11}")
    for count in options.counts:
        worker = context.Process(target=caption, args=(count, options, url, queue))
        worker.start()
        documents, megabytes, seconds = queue.get()
        worker.join()
        print(f"{documents:>9,} {megabytes:>9.0f} MB {documents / seconds:>11.0f}")
    host.terminate()


if __name__ == "__main__":
    main()
