"""Rows per second: the loader alone, and Ray Data on one and on two machines.

    python -m benchmarks.ray_nodes                   # small pictures, half a second an answer
    python -m benchmarks.ray_nodes --side 4000       # photos, which must be scaled down first
    python -m benchmarks.ray_nodes --rows 2000 --in-flight 64

The machines are nodes of a Ray cluster on this computer, with one actor each. They share its
processors, so two are not faster here where processors are what is short. Time counts from the call
until all rows are there; starting the cluster is reported separately. All pictures differ.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import server

MACHINE = {"num_cpus": 1, "object_store_memory": 100_000_000, "node_ip_address": "127.0.0.1"}


def make_pictures(folder: Path, count: int, side: int) -> list[str]:
    """So many JPEG pictures of ``side x side*3/4`` pixels; the last pixels make them differ."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.effect_noise((side, side * 3 // 4), 40).convert("RGB").save(buffer, "JPEG", quality=85)
    paths = [folder / f"{number:05}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(buffer.getvalue() + number.to_bytes(4, "big"))
    return [str(path) for path in paths]


def with_loader(paths: list[str], in_flight: int, connection: dict[str, Any]) -> int:
    """In this process, in tasks."""
    from langchain_visioncraft import VisionCraftMediaLoader

    loader = VisionCraftMediaLoader(paths, max_concurrency=in_flight, **connection)
    return len(asyncio.run(loader.aload()))


def with_ray(paths: list[str], in_flight: int, connection: dict[str, Any], machines: int) -> int:
    """On a cluster, with one actor a machine."""
    import ray
    from ray.data import ActorPoolStrategy

    from langchain_visioncraft.ray import CallLimits, caption

    blocks = max(machines * 4, len(paths) // 50)
    rows = caption(
        ray.data.from_items([{"path": path} for path in paths], override_num_blocks=blocks),
        "path",
        limits=CallLimits(in_flight),
        max_concurrency=in_flight // machines,
        compute=ActorPoolStrategy(size=machines),
        on_error="raise",
        **connection,
    )
    return sum(1 for _ in rows.iter_rows())


def start_cluster(machines: int) -> Callable[[], None]:
    """A cluster on this computer; gives what ends it."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"include_dashboard": False, **MACHINE})
    for _ in range(machines - 1):
        cluster.add_node(**MACHINE)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    ray.data.DataContext.get_current().enable_progress_bars = False

    def end() -> None:
        ray.shutdown()
        cluster.shutdown()

    return end


def tell(name: str, work: Callable[[], int], rows: int) -> None:
    """Do it, and print a line."""
    began = time.perf_counter()
    assert work() == rows
    seconds = time.perf_counter() - began
    print(f"{name:>20} {seconds:>7.1f} s {rows / seconds:>8.1f} rows/s", flush=True)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--side", type=int, default=64, help="pixels")
    parser.add_argument("--wait", type=int, default=500, help="milliseconds until an answer")
    options = parser.parse_args()
    os.environ |= {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    rows, in_flight = options.rows, options.in_flight
    limit = in_flight / options.wait * 1000
    print(f"{rows} pictures of {options.side} pixels, at most {limit:.0f} rows/s by the limit")
    with tempfile.TemporaryDirectory() as folder, server.running() as url:
        connection = {"base_url": f"{url}/wait-{options.wait}", "api_key": "any"}
        paths = make_pictures(Path(folder), rows, options.side)
        tell("loader alone", lambda: with_loader(paths, in_flight, connection), rows)
        for machines in (1, 2):
            began = time.perf_counter()
            end = start_cluster(machines)
            started = time.perf_counter() - began
            try:
                name = f"Ray, {machines} machine{'s'[: machines - 1]}"
                tell(name, lambda n=machines: with_ray(paths, in_flight, connection, n), rows)
            finally:
                end()
            print(f"{'(cluster up in':>20} {started:>7.1f} s)")


if __name__ == "__main__":
    main()
