"""Automatic1111's API as modules/api/api.py and models.py of stable-diffusion-webui 1.10 have it.

Pictures are of one colour. Sides are cut to multiples of 8, samplers and schedulers are resolved,
errors are written and checkpoints are checked as the original does.
"""

from __future__ import annotations

import base64
import io
import threading
from typing import Any

from backend_serving import turns
from PIL import Image, PngImagePlugin
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

# (name, aliases, options), as modules/sd_samplers_kdiffusion.py lists them.
SAMPLERS: list[tuple[str, list[str], dict[str, Any]]] = [
    ("DPM++ 2M", ["k_dpmpp_2m"], {"scheduler": "karras"}),
    ("Euler a", ["k_euler_a", "k_euler_ancestral"], {"uses_ensd": True}),
    ("Euler", ["k_euler"], {}),
    ("Heun", ["k_heun"], {"second_order": True}),
    ("DDIM", ["ddim"], {"default_eta_is_0": True}),
]
# (name, label), as modules/sd_schedulers.py lists them.
SCHEDULERS = [("automatic", "Automatic"), ("karras", "Karras"), ("normal", "Normal")]
MODELS = ["v1-5-pruned-emaonly", "sd_xl_base_1.0", "dreamshaper_8"]


class Txt2Img(BaseModel):
    """The fields that matter here; the original too ignores those that it does not know."""

    prompt: str = ""
    negative_prompt: str = ""
    width: int = 512
    height: int = 512
    steps: int = 50
    cfg_scale: float = 7.0
    sampler_name: str | None = None
    sampler_index: str = "Euler"
    scheduler: str | None = None
    seed: int = -1
    n_iter: int = 1
    batch_size: int = 1
    override_settings: dict[str, Any] | None = None
    force_task_id: str | None = None


class Img2Img(Txt2Img):
    """See above."""

    init_images: list[str] | None = None
    mask: str | None = None
    denoising_strength: float = 0.75
    resize_mode: int = 0
    mask_blur: int | None = None
    inpainting_fill: int = 0
    inpaint_full_res: bool = True


class ApiError(Exception):
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail


class A1111Host:
    """One host, and the requests that it received."""

    def __init__(self, auth: str | None = None, *, upscalers: bool = True) -> None:
        self.auth = auth
        self.upscalers = ["None", "Lanczos", "Nearest"] + ["R-ESRGAN 4x+"] * upscalers
        self.orders: list[dict[str, Any]] = []
        self.failure: str | None = None
        self.hold = False
        self.started = threading.Event()
        self.interrupted = threading.Event()
        self.current_task: str | None = None
        self.app = Starlette(
            routes=[
                self._route("txt2img", self.txt2img, "POST"),
                self._route("img2img", self.img2img, "POST"),
                self._route("extra-single-image", self.extras, "POST"),
                self._route("interrupt", self.interrupt, "POST"),
                self._route("progress", self.progress),
                self._route("options", self.options),
                self._route("sd-models", self.models),
                self._route("samplers", self.samplers),
                self._route("schedulers", self.schedulers),
                self._route("upscalers", self.list_upscalers),
                self._route("loras", self.loras),
            ]
        )

    def _route(self, path: str, answer: Any, method: str = "GET") -> Route:
        async def endpoint(request: Request) -> Response:
            if self.auth is not None:
                wanted = base64.b64encode(self.auth.encode()).decode()
                if request.headers.get("authorization") != f"Basic {wanted}":
                    return JSONResponse({"detail": "Incorrect username or password"}, 401)
            try:
                return JSONResponse(await answer(request))
            except ValidationError as error:
                detail = [
                    {"loc": ["body", *problem["loc"]], "msg": problem["msg"]}
                    for problem in error.errors()
                ]
                return JSONResponse({"detail": detail}, 422)
            except ApiError as error:
                said = {"error": "HTTPException", "detail": error.detail, "body": "", "errors": ""}
                return JSONResponse(said, error.status)

        return Route(f"/sdapi/v1/{path}", endpoint, methods=[method])

    async def txt2img(self, request: Request) -> dict[str, Any]:
        return await self._processed(Txt2Img.model_validate(await request.json()))

    async def img2img(self, request: Request) -> dict[str, Any]:
        wanted = Img2Img.model_validate(await request.json())
        if wanted.init_images is None:
            raise ApiError(404, "Init image not found")
        for image in (*wanted.init_images, *([wanted.mask] if wanted.mask else [])):
            decoded(image)
        return await self._processed(wanted)

    async def _processed(self, wanted: Txt2Img) -> dict[str, Any]:
        order = wanted.model_dump(exclude_unset=True)
        self.orders.append(order)
        if self.failure is not None:
            raise ApiError(500, self.failure)
        sampler, scheduler = resolved(wanted.sampler_name or wanted.sampler_index, wanted.scheduler)
        checkpoint = (wanted.override_settings or {}).get("sd_model_checkpoint")
        # An unknown checkpoint is dropped, and the loaded one used.
        model = checkpoint if checkpoint in MODELS else MODELS[0]
        self.current_task = wanted.force_task_id
        self.started.set()
        await turns(lambda: not self.hold or self.interrupted.is_set())
        self.current_task = None
        info = (
            f"{wanted.prompt}\nNegative prompt: {wanted.negative_prompt}\nSteps: {wanted.steps}, "
            f"Sampler: {sampler}, Schedule type: {scheduler}, CFG scale: {wanted.cfg_scale}, "
            f"Size: {wanted.width}x{wanted.height}, Model: {model}"
        )
        size = wanted.width // 8 * 8, wanted.height // 8 * 8
        images = [encoded(size, info) for _ in range(wanted.n_iter * wanted.batch_size)]
        return {"images": images, "parameters": order, "info": "{}"}

    async def extras(self, request: Request) -> dict[str, Any]:
        body = await request.json()
        self.orders.append(body)
        source = decoded(body["image"])
        assert body["upscaler_1"] in self.upscalers
        assert body["resize_mode"] in (0, 1)
        if body["resize_mode"] == 1:
            size = body["upscaling_resize_w"], body["upscaling_resize_h"]
        else:
            factor = body.get("upscaling_resize", 2)
            size = int(source.width * factor), int(source.height * factor)
        return {"html_info": "<p>postprocessing</p>", "image": encoded(size, None)}

    async def interrupt(self, _: Request) -> dict[str, Any]:
        self.interrupted.set()
        return {}

    async def progress(self, _: Request) -> dict[str, Any]:
        return {
            "progress": 0.01,
            "eta_relative": 0,
            "state": {},
            "current_image": None,
            "textinfo": None,
            "current_task": self.current_task,
        }

    async def options(self, _: Request) -> dict[str, Any]:
        return {"samples_format": "png", "sd_model_checkpoint": title(MODELS[0])}

    async def models(self, _: Request) -> list[dict[str, Any]]:
        return [
            {"title": title(name), "model_name": name, "hash": "6ce0161689", "sha256": None,
             "filename": f"/models/{name}.safetensors", "config": None}
            for name in MODELS
        ]  # fmt: skip

    async def samplers(self, _: Request) -> list[dict[str, Any]]:
        return [{"name": n, "aliases": a, "options": o} for n, a, o in SAMPLERS]

    async def schedulers(self, _: Request) -> list[dict[str, Any]]:
        return [
            {"name": name, "label": label, "aliases": None, "default_rho": -1,
             "need_inner_model": False}
            for name, label in SCHEDULERS
        ]  # fmt: skip

    async def list_upscalers(self, _: Request) -> list[dict[str, Any]]:
        return [
            {"name": name, "model_name": None, "model_path": None, "model_url": None, "scale": 4}
            for name in self.upscalers
        ]

    async def loras(self, _: Request) -> list[dict[str, Any]]:
        return [{"name": "add_detail", "alias": "add_detail", "path": "", "metadata": {}}]


def title(name: str) -> str:
    return f"{name}.safetensors [6ce0161689]"


def resolved(name: str, scheduler: str | None) -> tuple[str, str]:
    """As get_sampler_and_scheduler of modules/sd_samplers.py."""
    labels = {**dict(SCHEDULERS), **{label: label for _, label in SCHEDULERS}}
    found = labels.get(scheduler or "", SCHEDULERS[0][1])
    for own, label in SCHEDULERS:
        for ending in (label, own):
            if name.endswith(f" {ending}"):
                name, found = name.removesuffix(f" {ending}"), label
    known = [sampler for sampler, _, _ in SAMPLERS]
    return (name if name in known else known[0]), found


def decoded(text: str) -> Image.Image:
    if text.startswith("data:image/"):
        text = text.split(";")[1].split(",")[1]
    try:
        return Image.open(io.BytesIO(base64.b64decode(text)))
    except Exception as error:
        raise ApiError(500, "Invalid encoded image") from error


def encoded(size: tuple[int, int], info: str | None) -> str:
    metadata = PngImagePlugin.PngInfo()
    if info is not None:
        metadata.add_text("parameters", info)
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, "PNG", pnginfo=metadata)
    return base64.b64encode(buffer.getvalue()).decode()
