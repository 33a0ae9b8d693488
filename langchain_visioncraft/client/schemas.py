"""One pydantic request per endpoint, with the bounds, defaults and required fields documented.

Endpoints have an ``…Options`` model (what may be left out) and a ``…Request`` that adds what must
be given. Tools take the options as constructor fields, the sandbox checks its input with the
requests: there is one source for each bound. The field ``token`` is not here: the driver adds it.

The years are those of the service's documents: 2023-11, 2024-03, 2024-05, 2024-07 and 2024-09.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from langchain_visioncraft.client.fields import (
    Loras,
    MediaInput,
    NegativePrompt,
    OptionalText,
    Prompt,
    Request,
)
from langchain_visioncraft.client.options import LeftOutIfEmpty, Options, bounded
from langchain_visioncraft.media.inputs import MediaKind

_SIDES = "in pixels: 128, 256, or a multiple of 64 between 384 and 1024."
_SINCE_2024_04 = "; hosts since 2024-04 take it."
_IN_2024_01 = "; only hosts of 2024-01 take it, and return a GIF."
_GUIDANCE = "Guidance: how closely to follow the prompt"
OpenjourneySide: TypeAlias = Literal[
    128, 256, 384, 448, 512, 576, 640, 704, 768, 832, 896, 960, 1024
]

DalleSize: TypeAlias = Literal["1024x1024", "1024x1792", "1792x1024"]


StableDiffusionSteps: TypeAlias = Annotated[
    int, bounded("Refinement steps", ..., 1, 35, ". [1 to 30.]")
]
ImageToImage2023Steps: TypeAlias = Annotated[int, bounded("Refinement steps", ..., 1, 100)]


def _guidance(default: float, least: float, most: float) -> Any:
    return bounded(_GUIDANCE, default, least, most)


def _name(kind: str, family: str, default: str, example: str | None = None) -> Any:
    """The name of a model, a sampler, …; the host lists them."""
    words = f"A {kind} of the family '{family}', e.g. '{example or default}'."
    return Field(default=default, min_length=1, description=words)


def _optional(words: str, **bounds: Any) -> Any:
    return Field(default=None, description=words, **bounds)


_NSFW_FILTER = _optional("Whether to hold back pictures that are not safe for work.")
_WATERMARK = _optional("Whether the host marks its pictures.")
_LORAS = _optional("LoRA names with their weights, at most 5.", max_length=5)


def picture_to(purpose: str) -> str:
    """The description of a required picture."""
    return f"The picture to {purpose}: a handle or a URL."


class PromptRequest(Request):
    """A prompt, and nothing else for ``POST /leonardo-xl`` and ``POST /text2gif``."""

    prompt: Prompt = Field(kw_only=False)


class ImageOptions(Options):
    """Optional parameters of ``POST /image/generate`` (2024-08; from `seed` on since 2024-09)."""

    model: str = _name("model", "image", "FLUX.1-dev-fp8", "DreamShaper-8")
    negative_prompt: NegativePrompt = None
    sampler: OptionalText = _optional("A sampler of the family 'image', e.g. 'Euler a'.")
    steps: int = bounded("Refinement steps", 35, 1, 35)
    width: int = bounded("Width in pixels", 1024, 64, 1024)
    height: int = bounded("Height in pixels", 1024, 64, 1024)
    cfg_scale: float | None = bounded(
        _GUIDANCE, None, 1, 30, "; by default 1 for FLUX models and 7 for others."
    )
    loras: Loras = _LORAS
    seed: int | None = _optional("The same seed gives the same picture again, -1 a new one.", ge=-1)
    denoising_strength: float | None = bounded(
        "How much to change `init_image`", None, 0, 1, "; 0 keeps it, the default is 0.7."
    )
    is_video: bool | None = _optional(
        "Whether to make an animation; take an SD 1.5 model and sides of 512."
    )
    fps: int | None = _optional("Frames a second of an animation; by default 16.", ge=1)
    frames: int | None = _optional("Frames of an animation; by default 16.", ge=1)
    nsfw_filter: bool | None = _NSFW_FILTER


class ImageRequest(ImageOptions, PromptRequest):
    """``POST /image/generate``: one image or animation, from a prompt or a picture."""

    media_kinds: ClassVar[dict[str, MediaKind]] = {"init_image": "image"}
    required_by_api: ClassVar[frozenset[str]] = frozenset({"model"})
    suggested: ClassVar[dict[str, Any]] = {"stream": True}

    init_image: Annotated[MediaInput | None, LeftOutIfEmpty(blanks=True)] = _optional(
        "A picture to start from: a handle or a URL."
    )
    stream: bool = Field(
        default=False, description="Whether the host reports progress while the picture is made."
    )

    def body(self) -> dict[str, Any]:
        """The JSON body, with the values that callers of the service always sent for unset ones."""
        usual: dict[str, Any] = {"cfg_scale": 1} if "flux" in self.model.lower() else {}
        if self.init_image is not None:
            usual["denoising_strength"] = 0.7
        if self.is_video:
            usual |= {"fps": 16, "frames": 16}
        return usual | super().body()


class TextToImageOptions(Options):
    """Optional parameters of ``POST /sd`` (2024-09; the bounds of 2024-07 are in brackets)."""

    model: str = _name("model", "sd", "sdxl-base")
    negative_prompt: NegativePrompt = None
    sampler: OptionalText = _optional(
        "A sampler of the family 'sd', e.g. 'Euler'. [Required in 2024-07.]"
    )
    steps: StableDiffusionSteps = 35
    width: int = bounded("Width in pixels", 1024, 64, 1024)
    height: int = bounded("Height in pixels", 1024, 64, 1024)
    cfg_scale: int = _guidance(7, 1, 30)
    loras: Loras = _LORAS


class TextToImageRequest(TextToImageOptions, PromptRequest):
    """``POST /sd``: one image from a prompt, by any Stable Diffusion model of the host."""

    required_by_api: ClassVar[frozenset[str]] = frozenset({"model"})
    suggested: ClassVar[dict[str, Any]] = {"sampler": "Euler", "steps": 30}


class TextToImageSD1Options(Options):
    """Optional parameters of ``POST /generate`` (2024-03; 2023-11 has at most 30 steps)."""

    model: str = _name("model", "sd1", "anything_V5")
    sampler: str = _name("sampler", "sd1", "Euler")
    negative_prompt: NegativePrompt = None
    image_count: int = bounded("How many images", 1, 1, 5)
    cfg_scale: int = _guidance(10, 0, 20)
    steps: int = bounded("Refinement steps", 30, 1, 50)
    loras: Loras = None
    width: int | None = bounded("Width in pixels", None, 512, 1024, _SINCE_2024_04)
    height: int | None = bounded("Height in pixels", None, 512, 1024, _SINCE_2024_04)
    upscale: bool | None = _optional("Whether to upscale the result; hosts since 2024-04 take it.")
    nsfw_filter: bool | None = _NSFW_FILTER
    watermark: bool | None = _WATERMARK


class TextToImageSD1Request(TextToImageSD1Options, PromptRequest):
    """``POST /generate``: up to five images from a prompt, by a Stable Diffusion 1.x model."""

    required_by_api: ClassVar[frozenset[str]] = frozenset({"model", "sampler"})


class TextToImageSDXLOptions(Options):
    """Optional parameters of ``POST /generate-xl`` (2024-03)."""

    model: str = _name("model", "sdxl", "sdxl-base", "sdxl-turbo")
    sampler: Annotated[str, LeftOutIfEmpty()] = _name("sampler", "sdxl", "euler")
    scheduler: Annotated[str, LeftOutIfEmpty()] = _name("scheduler", "sdxl", "normal")
    negative_prompt: NegativePrompt = None
    width: int = bounded("Width in pixels", 1024, 512, 1024)
    height: int = bounded("Height in pixels", 1024, 512, 1024)
    cfg_scale: int | None = bounded(_GUIDANCE, None, 1, 20, _SINCE_2024_04)
    steps: int | None = bounded("Refinement steps", None, 1, 50, _SINCE_2024_04)
    image_count: int | None = bounded("How many images", None, 1, 5, _SINCE_2024_04)
    loras: Loras = None
    nsfw_filter: bool | None = _NSFW_FILTER
    watermark: bool | None = _WATERMARK


class TextToImageSDXLRequest(TextToImageSDXLOptions, PromptRequest):
    """``POST /generate-xl``: one image from a prompt, by a Stable Diffusion XL model."""

    required_by_api: ClassVar[frozenset[str]] = frozenset({"model"})


class MidjourneyOptions(Options):
    """How long to wait for ``POST /midjourney`` (2024-03); not sent."""

    deadline: float = Field(
        default=900.0, gt=0, exclude=True, description="Seconds to wait for the picture at most."
    )


class MidjourneyRequest(MidjourneyOptions, PromptRequest):
    """``POST /midjourney``: one image from a prompt; takes minutes.

    The prompt may contain Midjourney's own switches (``--ar 9:16 --v 5.2``).
    """


class MidjourneyResultRequest(MidjourneyOptions, Request):
    """``POST /midjourney/result``: the image of a task that was submitted before."""

    task_id: Annotated[str, Field(min_length=1)] | int = Field(
        kw_only=False, description="The `data` that submitting the task gave."
    )


class OpenjourneyOptions(Options):
    """Optional parameters of ``POST /openjourney`` (2024-03)."""

    negative_prompt: NegativePrompt = None
    cfg_scale: float = _guidance(7.5, 1, 20)
    steps: int = bounded("Refinement steps", 50, 1, 50)
    width: OpenjourneySide = Field(default=1024, description=f"Width {_SIDES}")
    height: OpenjourneySide = Field(default=1024, description=f"Height {_SIDES}")


class OpenjourneyRequest(OpenjourneyOptions, PromptRequest):
    """``POST /openjourney``: one image from a prompt; put ``mdjrny-v4 style`` into the prompt."""


class DalleOptions(Options):
    """Optional parameters of ``POST /dalle`` (2024-03; `quality` is only sent by its callers)."""

    size: Annotated[DalleSize, LeftOutIfEmpty()] = Field(
        default="1024x1024", description="Width and height in pixels."
    )
    quality: Annotated[Literal["standard", "hd"] | None, LeftOutIfEmpty()] = _optional(
        "'hd' has finer details; leave out for the host's own."
    )


class DalleRequest(DalleOptions, PromptRequest):
    """``POST /dalle``: one image from a prompt, by DALL·E 3."""


class PromptsOptions(Options):
    """The parameters of some engines besides a prompt (2024-05)."""

    negative_prompt: NegativePrompt = None


class PromptsRequest(PromptsOptions, PromptRequest):
    """A prompt and a negative prompt: ``POST /kandinsky`` and ``POST /playground``."""


class JobResultRequest(MidjourneyOptions, Request):
    """``POST /job-status``: the result of a job that was submitted before."""

    job_id: str = Field(kw_only=False, min_length=1, description="The `job_id` of an answer.")
    nsfw_filter: bool | None = _NSFW_FILTER
    watermark: bool | None = _WATERMARK


class ImageToImageOptions(Options):
    """Optional parameters of ``POST /img2img`` with ``image`` (2024-03)."""

    negative_prompt: NegativePrompt = None
    scheduler: Annotated[str, LeftOutIfEmpty()] = Field(
        default="DDIM", description="A scheduler of the family 'img2img'."
    )
    steps: int = bounded("Refinement steps", 50, 1, 50)
    strength: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="How much to change: 0 keeps the picture, 1 keeps nothing of it.",
    )
    refiner: Annotated[str, LeftOutIfEmpty()] = Field(
        default="no_refiner", description="A refiner of the family 'img2img'."
    )


class ImageToImageRequest(ImageToImageOptions, Request):
    """``POST /img2img``: a picture edited from a text prompt; a mask is white where to edit."""

    media_kinds: ClassVar[dict[str, MediaKind]] = {"image": "image", "mask": "image"}

    image: MediaInput = Field(kw_only=False, description=picture_to("change"))
    prompt: Prompt = Field(kw_only=False)
    mask: Annotated[MediaInput | None, LeftOutIfEmpty(blanks=True)] = _optional(
        "Inpainting mask, white where to repaint: a handle or a URL."
    )


class ImageToImage2023Options(Options):
    """Optional parameters of ``POST /img2img`` with ``init_images`` (2023-11).

    The bounds are those of the service's documentation a few days later.
    """

    negative_prompt: NegativePrompt = None
    steps: ImageToImage2023Steps = 50
    cfg_scale: float = _guidance(7.0, 0, 20)
    width: int = bounded("Width in pixels", 512, 64, 1024)
    height: int = bounded("Height in pixels", 512, 64, 1024)


class ImageToImage2023Request(ImageToImage2023Options, Request):
    """``POST /img2img`` in the form of 2023-11: the picture is sent in ``init_images``."""

    media_kinds: ClassVar[dict[str, MediaKind]] = {"image": "image"}

    image: MediaInput = Field(kw_only=False, description=picture_to("change"))
    prompt: Prompt = Field(kw_only=False)

    def body(self) -> dict[str, Any]:
        """The JSON body, with the picture as a list of one."""
        body = super().body()
        body["init_images"] = [body.pop("image")]
        return body


class TextToGif2024Options(Options):
    """Optional parameters of ``POST /generate-gif`` (2024-03, 2024-05)."""

    sampler: str = _name("sampler", "sd1", "Euler")
    negative_prompt: NegativePrompt = None
    cfg_scale: int = _guidance(10, 0, 20)
    steps: int = bounded("Refinement steps", 30, 1, 50)


class TextToGif2024Request(TextToGif2024Options, PromptRequest):
    """``POST /generate-gif``: animated GIFs from a prompt."""

    required_by_api: ClassVar[frozenset[str]] = frozenset({"sampler"})


class ImageToVideoOptions(Options):
    """Optional parameters of ``POST /img2video`` in its first form, which answers with a job."""

    width: int | None = bounded("Width in pixels", None, 64, 512, _IN_2024_01)
    height: int | None = bounded("Height in pixels", None, 64, 512, _IN_2024_01)
    cfg_scale: int | None = bounded(_GUIDANCE, None, 0, 20, _IN_2024_01)
    steps: int | None = bounded("Refinement steps", None, 1, 30, _IN_2024_01)


class ImageToVideoRequest(ImageToVideoOptions, Request):
    """``POST /img2video`` (2024-03): a short MP4 that moves a picture."""

    media_kinds: ClassVar[dict[str, MediaKind]] = {"image": "image"}

    image: MediaInput = Field(kw_only=False, description=picture_to("animate"))


class UpscaleOptions(Options):
    """Optional parameters of ``POST /upscale``; hosts since 2024-04 take them."""

    model: OptionalText = _optional("Which upscaler; leave out for the host's own.")
    resize: Literal[2, 4] | None = _optional("Factor, 2 or 4; leave out for the host's own.")


class UpscaleRequest(UpscaleOptions, Request):
    """``POST /upscale`` (2024-03): the same picture with more pixels."""

    media_kinds: ClassVar[dict[str, MediaKind]] = {"image": "image"}

    image: MediaInput = Field(kw_only=False, description=picture_to("enlarge"))
