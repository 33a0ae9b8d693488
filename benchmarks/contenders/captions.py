"""Does the peak memory of captioning grow with the number of pictures?

The pictures have 1600x1200 pixels, no two are alike, and they are made while they are taken.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.cases import Case, Place, Run, one_by_one

captions = Case("captions", "Captions of many pictures", calls=1, warm_up=0)


def _add(name: str, count: int) -> None:
    @captions.contender(name, "PIL")
    @contextmanager
    def _load(place: Place) -> Iterator[Run]:
        from langchain_core.document_loaders import BlobLoader
        from langchain_core.documents.base import Blob
        from PIL import Image

        from langchain_visioncraft import VisionCraftMediaLoader

        class Pictures(BlobLoader):
            def yield_blobs(self) -> Iterator[Blob]:
                for number in range(2 if place.small else count):
                    buffer = io.BytesIO()
                    colour = (number % 256, number // 256, 99)
                    Image.new("RGB", (1600, 1200), colour).save(buffer, "JPEG")
                    yield Blob.from_data(buffer.getvalue(), metadata={"source": f"{number}.jpg"})

        loader = VisionCraftMediaLoader(
            Pictures(), base_url=place.url, api_key="any", max_concurrency=8
        )
        yield one_by_one(lambda: sum(1 for _ in loader.lazy_load()))


_add("100 pictures", 100)
_add("1,000 pictures", 1000)
