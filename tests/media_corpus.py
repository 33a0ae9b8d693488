"""Small files as phones, scanners, recorders and folders make them, and what is right for each.

All of them are made here, by Pillow, by PyAV and by hand, when a test runs; none is from elsewhere.
``python -m tests.media_corpus FOLDER`` writes them, to look at.
"""

from __future__ import annotations

import functools
import io
import struct
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Look = Literal["corners", "ramp", "swapped", "blue"]

WIDTH, HEIGHT = 48, 32
SECONDS = 2.0
RATE = 16_000
ORIENTATION = 0x0112


@dataclass(frozen=True)
class Item:
    """A file, and what everybody who opens it must see or hear.

    Attributes:
        name: What it is.
        make: Gives its bytes.
        mime: Its type; ``None`` if it is no medium.
        size: Pixels, as a person sees them.
        pages: Their sizes, if there are several documents, or one of another number.
        look: What is to be seen; see `sees`.
        damaged: Whether something of it is missing, which a document says and strictness refuses.
        decoded: Whether Pillow or FFmpeg decodes it here.
        duration: What `Media` says, seconds; ``None`` if its header does not say it.
        seconds: How long its sound is.
        silent: Whether there is nothing to hear.
    """

    name: str
    make: Callable[[], bytes]
    mime: str | None
    size: tuple[int, int] | None = None
    pages: tuple[tuple[int, int], ...] = ()
    look: Look | None = None
    damaged: bool = False
    decoded: bool = True
    duration: float | None = None
    seconds: float = SECONDS
    silent: bool = False

    @property
    def kind(self) -> str:
        return (self.mime or "").partition("/")[0]

    @functools.cached_property
    def data(self) -> bytes:
        return self.make()


# Pictures


def corners(mode: str = "RGB", size: tuple[int, int] = (WIDTH, HEIGHT)) -> Image.Image:
    """Red and green above, blue and white below."""
    width, height = size[0] // 2, size[1] // 2
    image = Image.new("RGB", size, "white")
    image.paste((255, 0, 0), (0, 0, width, height))
    image.paste((0, 255, 0), (width, 0, size[0], height))
    image.paste((0, 0, 255), (0, height, width, size[1]))
    return image.convert(mode)


def sees(image: Image.Image, look: Look) -> bool:
    """Whether a decoded picture shows what it must, whatever its size.

    ``corners``: as above. ``ramp``: black at the left, grey in the middle, white at the right.
    ``swapped``: its profile exchanges red and blue. ``blue``: all of it.
    """
    seen = by_profile(image).convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    spots = [(8, 6), (40, 6), (8, 26), (40, 26)]
    found = [seen.getpixel(spot) for spot in spots]
    if look == "ramp":
        left, middle, right = (seen.convert("L").getpixel((x, 16)) for x in (1, 24, 46))
        return left < 60 < middle < 190 < right
    wanted = {
        "corners": [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)],
        "swapped": [(0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 255, 255)],
        "blue": [(0, 0, 255)] * 4,
    }[look]
    return all(
        abs(one - other) < 90
        for pair in zip(found, wanted, strict=True)
        for one, other in zip(*pair, strict=True)
    )


def by_profile(image: Image.Image) -> Image.Image:
    """As a viewer shows it that looks at colour profiles."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA"):
        return image
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    done = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"))
    assert done is not None
    return done


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def lying(orientation: int) -> Image.Image:
    """The picture as a camera stores it that was held like this: shown upright, it is as above."""
    ways = Image.Transpose
    inverse = {
        2: ways.FLIP_LEFT_RIGHT,
        3: ways.ROTATE_180,
        4: ways.FLIP_TOP_BOTTOM,
        5: ways.TRANSPOSE,
        6: ways.ROTATE_90,
        7: ways.TRANSVERSE,
        8: ways.ROTATE_270,
    }
    image = corners()
    return image.transpose(inverse[orientation]) if orientation in inverse else image


def held(form: str, orientation: int, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encoded(lying(orientation), form, exif=exif, **options)


def with_xmp(orientation: int) -> bytes:
    xmp = f'<x:xmpmeta><rdf:Description tiff:Orientation="{orientation}"/></x:xmpmeta>'.encode()
    return encoded(lying(orientation), "JPEG", xmp=xmp)


def swapping_profile() -> bytes:
    """A colour profile in which red and blue have changed places, so that one sees it used."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack(">I", profile[128:132])
    places = {bytes(profile[at : at + 4]): at + 4 for at in range(132, 132 + 12 * count, 12)}
    red, blue = places[b"rXYZ"], places[b"bXYZ"]
    profile[red : red + 8], profile[blue : blue + 8] = (
        profile[blue : blue + 8],
        profile[red : red + 8],
    )
    return bytes(profile)


def deep(dtype: Any, low: float, high: float, spoil: Callable[[Any], None] | None = None) -> Any:
    """A ramp from black to white."""
    values = np.tile(np.linspace(low, high, WIDTH), (HEIGHT, 1)).astype(dtype)
    if spoil is not None:
        spoil(values)
    return Image.fromarray(values)


def spot(value: float) -> Callable[[Any], None]:
    """Three pixels that do not work."""

    def spoil(values: Any) -> None:
        values[3, 5], values[20, 30], values[30, 7] = value, value, value

    return spoil


def border(value: float) -> Callable[[Any], None]:
    """What was not measured."""

    def spoil(values: Any) -> None:
        values[:10] = value

    return spoil


def bmp(header: int, *, top_down: bool = False) -> bytes:
    """A bitmap with a header of this length: 12 of OS/2, 40, 108 and 124 of Windows."""
    image = corners() if top_down else corners().transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    red, green, blue = image.split()
    pixels = Image.merge("RGB", (blue, green, red)).tobytes()
    height = -HEIGHT if top_down else HEIGHT
    if header == 12:
        body = struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 24)
    else:
        body = struct.pack("<IiiHHIIiiII", header, WIDTH, height, 1, 24, 0, len(pixels), 0, 0, 0, 0)
        body += bytes(header - 40)
    start = 14 + len(body)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + body + pixels


def psd() -> bytes:
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, HEIGHT, WIDTH, 8, 3)
    planes = b"".join(band.tobytes() for band in corners().split())
    return head + bytes(4) * 3 + bytes(2) + planes


def sun_raster() -> bytes:
    red, green, blue = corners().split()
    pixels = Image.merge("RGB", (blue, green, red)).tobytes()
    head = struct.pack(">8I", 0x59A66A95, WIDTH, HEIGHT, 24, len(pixels), 1, 0, 0)
    return head + pixels


def brand(major: bytes, *compatible: bytes) -> bytes:
    """The beginning of an ISO file."""
    brands = b"".join(compatible)
    return struct.pack(">I4s4sI", 16 + len(brands), b"ftyp", major, 0) + brands + bytes(64)


def rebranded(data: bytes, major: bytes) -> bytes:
    return data[:8] + major + data[12:]


def animated(form: str, **options: Any) -> bytes:
    others = [Image.new("RGB", (WIDTH, HEIGHT), each) for each in ("blue", "red")]
    return encoded(corners(), form, save_all=True, append_images=others, **options)


def pages(*sizes: tuple[int, int]) -> bytes:
    first, *others = [corners(size=size) for size in sizes]
    return encoded(first, "TIFF", save_all=True, append_images=others)


def noisy(form: str, **options: Any) -> bytes:
    """Noise, which does not compress: of half the file half the picture can be decoded."""
    noise = np.random.default_rng(1).integers(0, 255, (HEIGHT * 4, WIDTH * 4, 3), dtype=np.uint8)
    return encoded(Image.fromarray(noise), form, **options)


def plain(form: str, mime: str, **options: Any) -> Item:
    shown = ", ".join(f"{name} {value}" for name, value in options.items() if name != "mode")
    mode = options.pop("mode", "RGB")
    name = " ".join(filter(None, [form, mode if mode != "RGB" else "", shown]))
    make = functools.partial(lambda: encoded(corners(mode), form, **options))
    return Item(name, make, mime, (WIDTH, HEIGHT), look="corners" if mode != "L" else None)


def pictures() -> Iterable[Item]:
    size = (WIDTH, HEIGHT)
    yield from (
        plain("PNG", "image/png"),
        plain("PNG", "image/png", mode="P"),
        plain("PNG", "image/png", mode="RGBA"),
        plain("PNG", "image/png", mode="L"),
        plain("JPEG", "image/jpeg", quality=95),
        plain("JPEG", "image/jpeg", progressive=True, quality=95),
        plain("JPEG", "image/jpeg", mode="CMYK", quality=95),
        plain("JPEG", "image/jpeg", mode="L"),
        plain("MPO", "image/jpeg", quality=95),
        plain("GIF", "image/gif"),
        plain("WEBP", "image/webp", quality=95),
        plain("WEBP", "image/webp", lossless=True),
        plain("WEBP", "image/webp", lossless=True, mode="RGBA"),
        plain("BMP", "image/bmp"),
        plain("BMP", "image/bmp", mode="P"),
        plain("TIFF", "image/tiff"),
        plain("TIFF", "image/tiff", mode="RGBA"),
        plain("TIFF", "image/tiff", mode="CMYK"),
        plain("TIFF", "image/tiff", mode="P"),
        plain("TIFF", "image/tiff", mode="YCbCr"),
        plain("TIFF", "image/tiff", compression="tiff_lzw"),
        plain("TIFF", "image/tiff", compression="tiff_deflate"),
        plain("TIFF", "image/tiff", compression="packbits"),
        plain("TIFF", "image/tiff", big_tiff=True),
        plain("AVIF", "image/avif", quality=90),
        plain("JPEG2000", "image/jp2"),
        plain("JPEG2000", "image/jp2", no_jp2=True),
        plain("PPM", "image/x-portable-anymap"),
        plain("PPM", "image/x-portable-anymap", mode="L"),
        plain("TGA", "image/x-tga"),
        plain("TGA", "image/x-tga", compression="tga_rle"),
        plain("QOI", "image/qoi"),
        plain("DDS", "image/vnd.ms-dds"),
        plain("SGI", "image/x-sgi"),
    )
    yield Item("PCX", lambda: encoded(corners(), "PCX"), "image/x-pcx", look="corners")
    yield Item("ICO", lambda: encoded(corners(), "ICO", sizes=[size]), "image/x-icon")
    yield Item("ICNS", lambda: encoded(corners(size=(128, 128)), "ICNS"), "image/x-icns")
    yield Item("PSD", psd, "image/vnd.adobe.photoshop", size, look="corners")
    yield Item("Sun raster", sun_raster, "image/x-sun-raster", size, look="corners")
    for header in (12, 40, 108, 124):
        make = functools.partial(bmp, header)
        yield Item(f"BMP, header of {header}", make, "image/bmp", size, look="corners")
    yield Item("BMP, top down", lambda: bmp(40, top_down=True), "image/bmp", size, look="corners")
    for form in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
        for turn in range(1, 9):
            quality = {} if form in ("PNG", "TIFF") else {"quality": 95}
            make = functools.partial(held, form, turn, **quality)
            mime = f"image/{form.lower()}"
            yield Item(f"{form}, held {turn}", make, mime, size, look="corners")
    for turn in (3, 6):
        make = functools.partial(with_xmp, turn)
        yield Item(f"JPEG, held {turn} by XMP", make, "image/jpeg", size, look="corners")
    big = functools.partial(held, "TIFF", 6, big_tiff=True)
    yield Item("BigTIFF, held 6", big, "image/tiff", size, look="corners")
    for form in ("JPEG", "PNG", "WEBP", "TIFF"):
        make = functools.partial(
            lambda form: encoded(corners(), form, icc_profile=swapping_profile()), form
        )
        mime = f"image/{form.lower()}"
        yield Item(f"{form} with a profile", make, mime, size, look="swapped")
    yield from deep_pictures()
    yield from several_pictures()
    yield from damaged_pictures()
    yield from brands()


def deep_pictures() -> Iterable[Item]:
    ramps: dict[str, tuple[str, Callable[[], Image.Image]]] = {
        "16 bits": ("PNG", lambda: deep(np.uint16, 0, 40_000)),
        "16 bits, of which 12 are used": ("PNG", lambda: deep(np.uint16, 0, 4095)),
        "16 bits, hot pixels": ("PNG", lambda: deep(np.uint16, 0, 3000, spot(65_535))),
        "16 bits in TIFF": ("TIFF", lambda: deep(np.uint16, 0, 65_535)),
        "16 bits, the highest first": ("TIFF", lambda: deep(">u2", 100, 9000)),
        "16 bits in PGM": ("PPM", lambda: deep(np.uint16, 0, 60_000)),
        "32 bits": ("TIFF", lambda: deep(np.int32, -500, 900)),
        "32 bits, not measured": ("TIFF", lambda: deep(np.int32, 0, 900, border(-9999))),
        "float, 0 to 1": ("TIFF", lambda: deep(np.float32, 0, 1)),
        "float, hot pixels": ("TIFF", lambda: deep(np.float32, 0, 1, spot(1e6))),
        "float, NaN": ("TIFF", lambda: deep(np.float32, 0, 1, spot(np.nan))),
        "float, infinity": ("TIFF", lambda: deep(np.float32, 0, 1, spot(np.inf))),
        "float, not measured": ("TIFF", lambda: deep(np.float32, 200, 900, border(-3.4e38))),
    }
    types = {"PNG": "image/png", "TIFF": "image/tiff", "PPM": "image/x-portable-anymap"}
    for name, (form, make) in ramps.items():
        data = functools.partial(lambda form, make: encoded(make(), form), form, make)
        yield Item(f"deep: {name}", data, types[form], (WIDTH, HEIGHT), look="ramp")


def several_pictures() -> Iterable[Item]:
    size = (WIDTH, HEIGHT)
    sizes = ((100, 80), (30, 60), (200, 10))
    scan = functools.partial(pages, *sizes)
    yield Item("TIFF of pages", scan, "image/tiff", sizes[0], pages=sizes)
    for form in ("GIF", "PNG", "WEBP", "AVIF"):
        make = functools.partial(animated, form, duration=100)
        yield Item(f"{form}, animated", make, f"image/{form.lower()}", size, (size,), look="blue")


def damaged_pictures() -> Iterable[Item]:
    size = (WIDTH * 4, HEIGHT * 4)
    cuts: dict[str, tuple[str, float | int, dict[str, Any]]] = {
        "JPEG without its last byte": ("JPEG", 1, {}),
        "JPEG without its last two bytes": ("JPEG", 2, {}),
        "half a JPEG": ("JPEG", 0.5, {}),
        "progressive JPEG without its end": ("JPEG", 2, {"progressive": True}),
        "half a progressive JPEG": ("JPEG", 0.5, {"progressive": True}),
        "PNG without its end": ("PNG", 12, {}),
        "half a PNG": ("PNG", 0.5, {}),
        "half a GIF": ("GIF", 0.5, {}),
        "half a BMP": ("BMP", 0.5, {}),
        "half a TIFF": ("TIFF", 0.5, {}),
        "half a PPM": ("PPM", 0.5, {}),
        "three quarters of a WebP": ("WEBP", 0.25, {}),
    }
    for name, (form, cut, options) in cuts.items():

        def make(form: str = form, cut: float = cut, options: Any = options) -> bytes:
            data = noisy(form, **options)
            return data[: -cut if isinstance(cut, int) else int(len(data) * (1 - cut))]

        mime = "image/x-portable-anymap" if form == "PPM" else f"image/{form.lower()}"
        yield Item(name, make, mime, size, damaged=True)
    flat = encoded(Image.new("RGB", (64, 48), "red"), "JPEG")[:-2]
    yield Item("one colour without its end", lambda: flat, "image/jpeg", (64, 48), damaged=True)
    thumb = held("JPEG", 1) + b"appended"
    yield Item("JPEG with something behind", lambda: thumb, "image/jpeg", (WIDTH, HEIGHT))
    head = noisy("JPEG")[:500]
    yield Item("the head of a JPEG", lambda: head, "image/jpeg", decoded=False)


def brands() -> Iterable[Item]:
    for major, compatible, mime in (
        (b"heic", [b"mif1", b"heic"], "image/heic"),
        (b"heix", [b"mif1", b"heix", b"miaf"], "image/heic"),
        (b"hevc", [b"msf1", b"hevc"], "image/heic"),
        (b"hevx", [b"msf1"], "image/heic"),
        (b"heim", [b"mif1"], "image/heic"),
        (b"heis", [b"mif1"], "image/heic"),
        (b"mif1", [b"heic"], "image/heic"),
        (b"msf1", [b"hevc", b"mif1"], "image/heic"),
        (b"jpeg", [b"mif1"], "image/heic"),
        (b"mif1", [b"avif", b"mif1", b"miaf"], "image/avif"),
        (b"avio", [b"avif"], "image/avif"),
        (b"avis", [b"avif", b"msf1", b"iso8"], "image/avif"),
    ):
        make = functools.partial(brand, major, *compatible)
        name = f"brand {major.decode()} of {b' '.join(compatible).decode()}"
        yield Item(name, make, mime, decoded=False)
    other = rebranded(encoded(corners(), "AVIF", quality=90), b"mif1")
    yield Item("AVIF of brand mif1", lambda: other, "image/avif", (WIDTH, HEIGHT), look="corners")


# Recordings


def tone(volume: float = 0.4, seconds: float = SECONDS, rate: int = RATE) -> NDArray[np.float64]:
    return volume * np.sin(np.arange(int(seconds * rate)) * 2 * np.pi * 400 / rate)


def pcm(samples: NDArray[np.float64]) -> bytes:
    return (samples * 32_767).astype("<i2").tobytes()


def wav(
    *channels: NDArray[np.float64],
    size: int | None = None,
    before: bytes = b"",
    riff: bytes = b"RIFF",
) -> bytes:
    """A WAV file by hand, which may say of its length what it likes."""
    data = pcm(np.stack(channels or (tone(),), axis=1).reshape(-1))
    count = len(channels) or 1
    form = struct.pack("<IHHIIHH", 16, 1, count, RATE, RATE * 2 * count, 2 * count, 16)
    body = b"WAVE" + before + b"fmt " + form
    body += b"data" + struct.pack("<I", len(data) if size is None else size) + data
    whole = len(body) if size is None else min(size + 36, 0xFFFF_FFFF)
    return riff + struct.pack("<I", whole) + body


def wav_of(samples: NDArray[Any], form: int) -> bytes:
    """A WAV file of other samples: 1 for whole numbers, 3 for floating point."""
    data, width = samples.tobytes(), samples.itemsize
    head = struct.pack("<IHHIIHH", 16, form, 1, RATE, RATE * width, width, width * 8)
    body = b"WAVEfmt " + head + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def container(
    form: str,
    codec: str,
    *tracks: NDArray[np.float64],
    film: str | None = None,
    options: dict[str, str] | None = None,
    rate: int = RATE,
    languages: Sequence[str] = (),
) -> bytes:
    """A file by FFmpeg: sound tracks, and perhaps a film."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form, options=options or {}) as output:
        video: Any = output.add_stream(film, rate=25) if film else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sounds: list[Any] = []
        for number, _ in enumerate(tracks or [None]):
            sounds.append(output.add_stream(codec, rate=rate, layout="mono"))
            if codec == "wmav2":
                sounds[-1].bit_rate = 64_000
            if languages:
                sounds[-1].metadata["language"] = languages[number]
        for number in range(int(SECONDS * 25) if film else 0):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts = number
            output.mux(video.encode(frame))
        for stream, samples in zip(sounds, tracks or (tone(rate=rate),), strict=True):
            write(output, stream, samples, rate)
        if video is not None:
            output.mux(video.encode(None))
    return buffer.getvalue()


def write(output: Any, stream: Any, samples: NDArray[np.float64], rate: int) -> None:
    data = np.frombuffer(pcm(samples), "<i2").reshape(1, -1)
    resampler = av.AudioResampler(
        format=stream.format.name, layout="mono", rate=rate, frame_size=stream.frame_size or 1024
    )
    frame = av.AudioFrame.from_ndarray(data, format="s16", layout="mono")
    frame.sample_rate, frame.pts = rate, 0
    for each in [*resampler.resample(frame), *resampler.resample(None)]:
        if each is not None:
            output.mux(stream.encode(each))
    output.mux(stream.encode(None))


def mp3(**options: str) -> bytes:
    return container(
        "mp3", "libmp3lame", options={"write_xing": "0", "id3v2_version": "0", **options}
    )


def id3(data: bytes) -> bytes:
    return b"ID3\x03\x00\x00\x00\x00\x07\x76" + bytes(1014) + data


def without_ftyp(data: bytes) -> bytes:
    return data[:4] + b"wide" + data[8:]  # of the same length: an index knows its offsets


def turned_film() -> bytes:
    """A film of a telephone that was held upright: the pixels lie, the matrix turns them."""
    data = container("mp4", "aac", film="mpeg4", rate=44_100)
    upright = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    on_its_side = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    at = data.index(b"tkhd")
    place = data.index(upright, at)
    return data[:place] + on_its_side + data[place + 36 :]


def box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def m2ts() -> bytes:
    """A transport stream with a time before each packet, as camcorders and discs have it."""
    data = container("mpegts", "mp2")
    return b"".join(bytes(4) + data[at : at + 188] for at in range(0, len(data), 188))


def amr() -> bytes:
    """AMR whose decoder hears nothing in particular: 100 frames of 20 ms."""
    return b"#!AMR\n" + (b"\x3c" + bytes(range(7, 38))) * 100


def sphere() -> bytes:
    samples = pcm(tone())
    head = (
        f"NIST_1A\n   1024\nsample_count -i {len(samples) // 2}\nsample_n_bytes -i 2\n"
        f"channel_count -i 1\nsample_byte_format -s2 01\nsample_rate -i {RATE}\n"
        "sample_coding -s3 pcm\nend_head\n"
    )
    return head.encode().ljust(1024) + samples


def muxed(mime: str, form: str, codec: str, **more: Any) -> Item:
    duration, seconds = more.pop("duration", None), more.pop("seconds", SECONDS)
    name = f"{form} with {codec}" + (f" and {more['film']}" if "film" in more else "")
    make = functools.partial(container, form, codec, **more)
    return Item(name, make, mime, duration=duration, seconds=seconds)


def recordings() -> Iterable[Item]:
    hear = functools.partial(muxed, rate=44_100)
    yield from (
        muxed("audio/wav", "wav", "pcm_s16le", duration=2.0),
        muxed("audio/wav", "wav", "pcm_u8", duration=2.0),
        muxed("audio/wav", "wav", "pcm_s24le", duration=2.0),
        muxed("audio/wav", "wav", "pcm_s32le", duration=2.0),
        muxed("audio/wav", "wav", "pcm_f32le", duration=2.0),
        muxed("audio/wav", "wav", "pcm_f64le", duration=2.0),
        muxed("audio/wav", "wav", "pcm_alaw", duration=2.0),
        muxed("audio/wav", "wav", "pcm_mulaw", duration=2.0),
        muxed("audio/wav", "wav", "adpcm_ima_wav"),
        muxed("audio/x-w64", "w64", "pcm_s16le"),
        muxed("audio/x-caf", "caf", "pcm_s16be"),
        muxed("audio/x-caf", "caf", "alac"),
        muxed("audio/basic", "au", "pcm_s16be"),
        muxed("audio/basic", "au", "pcm_mulaw"),
        muxed("audio/aiff", "aiff", "pcm_s16be"),
        muxed("audio/flac", "flac", "flac"),
        muxed("audio/ogg", "ogg", "libopus"),
        muxed("audio/ogg", "ogg", "flac"),
        muxed("audio/mpeg", "mp3", "libmp3lame"),
        muxed("audio/mpeg", "mp2", "mp2"),
        muxed("audio/aac", "adts", "aac", seconds=2.11),
        muxed("audio/mp4", "ipod", "aac", duration=2.0),
        muxed("audio/mp4", "ipod", "alac", duration=2.0),
        muxed("audio/mp4", "mp4", "aac", duration=2.0),
        muxed("audio/mp4", "mov", "pcm_s16le", duration=2.0),
        muxed("audio/x-matroska", "matroska", "flac"),
        muxed("audio/webm", "webm", "libopus"),
        hear("audio/ac3", "ac3", "ac3"),
        hear("audio/x-ms-wma", "asf", "wmav2"),
        muxed("audio/x-wavpack", "wv", "wavpack"),
        muxed("audio/x-tta", "tta", "tta"),
        muxed("audio/x-voc", "voc", "pcm_u8"),
        hear("video/mp4", "mp4", "aac", film="mpeg4", duration=2.0),
        hear("video/mp4", "mp4", "aac", film="libx264", duration=2.0),
        hear("video/quicktime", "mov", "aac", film="mpeg4", duration=2.0),
        hear("video/x-matroska", "matroska", "aac", film="mpeg4"),
        muxed("video/webm", "webm", "libopus", film="libvpx"),
        hear("video/x-msvideo", "avi", "libmp3lame", film="mpeg4"),
        hear("video/x-flv", "flv", "libmp3lame", film="flv"),
        hear("video/mp2t", "mpegts", "mp2", film="mpeg2video"),
        hear("video/mpeg", "mpeg", "mp2", film="mpeg1video"),
        hear("video/x-ms-wmv", "asf", "wmav2", film="msmpeg4v3"),
        hear("video/x-nut", "nut", "mp2", film="mpeg4"),
    )
    yield Item("M2TS", m2ts, "video/mp2t")
    yield Item("AMR", amr, "audio/amr")
    yield Item("NIST SPHERE", sphere, "audio/x-nist")
    film = functools.partial(container, "mov", "aac", film="mpeg4", rate=44_100)
    yield Item("MOV without ftyp", lambda: without_ftyp(film()), "video/quicktime", duration=2.0)
    yield Item("a film on its side", turned_film, "video/mp4", (48, 64), duration=2.0)
    yield from odd_mp3()
    yield from odd_lengths()
    yield from odd_tracks()


def odd_mp3() -> Iterable[Item]:
    mpeg = "audio/mpeg"
    yield Item("MP3 behind zeros", lambda: bytes(400) + mp3(), mpeg)
    yield Item("MP3 behind many zeros", lambda: bytes(30_000) + mp3(), mpeg)
    yield Item("MP3 behind junk", lambda: b"\x12\x00\x9a" * 7 + mp3(), mpeg)
    yield Item("MP3 that begins within a frame", lambda: mp3()[700:], mpeg, seconds=1.84)
    yield Item("MP3 behind an ID3 tag", lambda: id3(mp3()), mpeg)
    yield Item("MP3 before an ID3 tag", lambda: mp3() + b"TAG" + bytes(125), mpeg)
    yield Item("FLAC behind an ID3 tag", lambda: id3(container("flac", "flac")), "audio/flac")
    aac = functools.partial(container, "adts", "aac")
    yield Item("AAC behind an ID3 tag", lambda: id3(aac()), "audio/aac", seconds=2.11)


def odd_lengths() -> Iterable[Item]:
    for size in (0, 0x7FFF_F000, 0x7FFF_FFFF - 36, 0x8000_0000, 0xFFFF_FFFF):
        make = functools.partial(wav, size=size)
        yield Item(f"WAV that says {size:#x}", make, "audio/wav", duration=2.0)
    note = b"LIST" + struct.pack("<I", 44) + b"INFOICMT" + struct.pack("<I", 32)
    note += b"field data from the harbour mic. "[:32]
    yield Item("WAV that says data", lambda: wav(before=note), "audio/wav", duration=2.0)
    large = b"ds64" + struct.pack("<IQQQI", 28, 64_080, 64_000, 32_000, 0)
    rf64 = functools.partial(wav, before=large, size=0xFFFF_FFFF, riff=b"RF64")
    yield Item("RF64", rf64, "audio/wav", duration=2.0)
    half = functools.partial(lambda: wav()[: 44 + 32_000])
    yield Item("half a WAV", half, "audio/wav", duration=1.0, seconds=1.0, damaged=True)
    head = bytes(12) + struct.pack(">II", 1000, 0xFFFF_FFFF) + bytes(80)
    film = box(b"ftyp", b"isom" + bytes(4) + b"isom") + box(b"moov", box(b"mvhd", head))
    yield Item("MP4 that does not know its length", lambda: film, "video/mp4", decoded=False)


def odd_tracks() -> Iterable[Item]:
    quiet, nothing = tone(10 ** (-66 / 20)), np.zeros(int(SECONDS * RATE))
    hiss = np.random.default_rng(1).normal(0, 2e-5, int(SECONDS * RATE))
    waves: dict[str, tuple[Callable[[], bytes], bool]] = {
        "opposite phase": (lambda: wav(tone(), -tone()), False),
        "the right channel alone": (lambda: wav(nothing, tone()), False),
        "quiet": (lambda: wav_of(quiet.astype("<f4"), 3), False),
        "very quiet": (lambda: wav_of((quiet / 30).astype("<f4"), 3), False),
        "silence": (lambda: wav(nothing), True),
        "a constant": (lambda: wav(nothing + 0.2), True),
        "the hiss of a converter": (lambda: wav_of(hiss.astype("<f4"), 3), True),
    }
    for name, (make, silent) in waves.items():
        yield Item(name, make, "audio/wav", duration=2.0, silent=silent)
    tracks: dict[str, tuple[NDArray[np.float64], ...]] = {
        "speech, silence": (tone(), nothing),
        "silence, speech": (nothing, tone()),
        "speech, speech": (tone(), tone()),
        "silence, silence": (nothing, nothing),
    }
    for name, samples in tracks.items():
        make = functools.partial(container, "matroska", "flac", *samples)
        silent = "speech" not in name
        yield Item(f"two tracks: {name}", make, "audio/x-matroska", silent=silent)


# What is no medium


def others() -> Iterable[Item]:
    ini = "[.ShellClassInfo]\r\nIconResource=x\r\n"
    texts = {
        "desktop.ini in UTF-16": ini.encode("utf-16"),
        "a text in UTF-16, the highest first": b"\xfe\xff" + ini.encode("utf-16-be"),
        "a text in UTF-32": ini.encode("utf-32"),
        "a note": b"MAC addresses and BM codes. ID3 is a tag.",
        "HTML": b"<!doctype html><title>cat.png</title>",
        "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "JSON": b'{"images": []}',
        "PDF": b"%PDF-1.7\n" + bytes(60),
        "ZIP": b"PK\x03\x04" + bytes(60),
        "an erased flash": b"\xff" * 5000,
        "zeros": bytes(5000),
        "noise": b"\x91" + np.random.default_rng(5).bytes(5000),
        "a program": Path(sys.executable).resolve().read_bytes()[: 1 << 20],
        "a database": b"SQLite format 3\x00" + bytes(84),
    }
    for name, data in texts.items():
        yield Item(name, functools.partial(bytes, data), None)


CORPUS = {item.name: item for item in (*pictures(), *recordings(), *others())}


def main() -> None:
    """Write all files into a folder."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for number, item in enumerate(CORPUS.values()):
        (folder / f"{number:03} {item.name}".replace("/", "-")).write_bytes(item.data)


if __name__ == "__main__":
    main()
