"""Automatic1111's stable-diffusion-webui and Forge, through ``/sdapi/v1`` (``--api``)."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import anyio.to_thread
import pybase64

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media.inputs import decode_base64
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.backends import images

PROBE = "/sdapi/v1/samplers"
_ROOT = "/sdapi/v1"
_INTERRUPT_SECONDS = 5.0
_WITHOUT_MODEL = frozenset({"None", "Lanczos", "Nearest"})


class A1111(images.ImageHost):
    """A host that speaks Automatic1111's API."""

    async def read_offered(self) -> images.Offered:
        """Ask the host for its names; a list that an older host lacks stays empty."""
        models, samplers, options, schedulers, loras, upscalers = await asyncio.gather(
            self._list("sd-models"),
            self._list("samplers"),
            self.connection.json("GET", f"{_ROOT}/options"),
            self._list("schedulers", optional=True),
            self._list("loras", optional=True),
            self._list("upscalers", optional=True),
        )
        loaded = str(options.get("sd_model_checkpoint") or "")
        titles = {str(model.get("title")): str(model["model_name"]) for model in models}
        return images.Offered(
            models=tuple(str(model["model_name"]) for model in models),
            samplers=tuple(str(sampler["name"]) for sampler in samplers),
            schedulers=tuple(str(scheduler["name"]) for scheduler in schedulers),
            loras=tuple(str(lora["name"]) for lora in loras),
            upscalers=tuple(
                str(upscaler["name"])
                for upscaler in upscalers
                if upscaler["name"] not in _WITHOUT_MODEL
            ),
            loaded=titles.get(loaded) or next(iter(titles.values()), None),
        )

    async def _list(self, name: str, *, optional: bool = False) -> list[dict[str, Any]]:
        answer = await self.connection.send("GET", f"{_ROOT}/{name}")
        if optional and answer.status_code == 404:
            return []
        if not answer.is_success:
            raise self.connection.refusal(answer)
        found = await self.connection.decoded(answer)
        return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []

    async def draw(self, spec: images.ImageSpec) -> images.ImageResult:
        """See `ImageHost.draw`: ``txt2img``, or ``img2img`` if there is a source."""
        offered = await self.offered()
        model = self.model_for(spec, offered)
        body = self._body(spec, offered, model)
        path = "txt2img" if spec.source is None else "img2img"
        try:
            answer = await self.connection.json("POST", f"{_ROOT}/{path}", json=body)
        except asyncio.CancelledError:
            await self._interrupt(body["force_task_id"])
            raise
        pictures = answer.get("images") if isinstance(answer, dict) else None
        if not isinstance(pictures, list) or not pictures:
            # The host answers like this when someone interrupts it on its own page.
            raise Refusal(
                502, f"{self.connection.address} returned no picture: it was interrupted."
            )
        files = [await self._picture(image) for image in pictures[: spec.count]]
        return images.ImageResult(files, self.connection.engine("a1111", model))

    def _body(
        self, spec: images.ImageSpec, offered: images.Offered, model: str | None
    ) -> dict[str, Any]:
        sampler, scheduler = images.choose(spec.sampler, spec.scheduler, offered)
        loras = "".join(f" <lora:{name}:{weight:g}>" for name, weight in spec.loras.items())
        width, height = spec.latent_size
        body: dict[str, Any] = {
            "prompt": spec.prompt + loras,
            "negative_prompt": spec.negative_prompt or "",
            "width": width,
            "height": height,
            "steps": spec.steps or images.DEFAULT_STEPS,
            "cfg_scale": images.DEFAULT_CFG_SCALE if spec.cfg_scale is None else spec.cfg_scale,
            "sampler_name": sampler,
            "seed": -1 if spec.seed is None else spec.seed % 2**32,
            "n_iter": spec.count,
            "batch_size": 1,
            "save_images": False,
            "force_task_id": f"visioncraft-{uuid.uuid4().hex}",
        }
        if scheduler is not None:
            body["scheduler"] = scheduler
        if model is not None and model != offered.loaded:
            # Afterwards the host returns to its own checkpoint.
            body["override_settings"] = {"sd_model_checkpoint": model}
        if spec.source is not None:
            body["init_images"] = [_text(spec.source)]
            body["denoising_strength"] = spec.strength
            body["resize_mode"] = 0
        if spec.mask is not None:
            body["mask"] = _text(spec.mask)
            body["mask_blur"] = 4
            body["inpainting_fill"] = 1  # start from the existing picture
            body["inpaint_full_res"] = False
        return body

    async def upscale(
        self, png: bytes, size: tuple[int, int], model: str | None
    ) -> images.ImageResult | None:
        """See `ImageHost.upscale`: ``extra-single-image``."""
        upscaler = (await self.offered()).upscaler_for(model)
        if upscaler is None:
            return None
        body = {
            "image": _text(png),
            "resize_mode": 1,
            "upscaling_resize_w": size[0],
            "upscaling_resize_h": size[1],
            "upscaling_crop": False,
            "upscaler_1": upscaler,
        }
        answer = await self.connection.json("POST", f"{_ROOT}/extra-single-image", json=body)
        file = await self._picture(answer.get("image") if isinstance(answer, dict) else None)
        return images.ImageResult([file], self.connection.engine("a1111", upscaler))

    async def _picture(self, text: Any) -> bytes:
        try:
            return await anyio.to_thread.run_sync(_decoded, text)
        except MediaInputError as error:
            message = f"{self.connection.address} returned something other than a picture."
            raise Refusal(502, message) from error

    async def _interrupt(self, task: str) -> None:
        """Interrupt the task, unless the host is working for somebody else."""
        options = {"timeout": _INTERRUPT_SECONDS}
        try:
            progress = await self.connection.json(
                "GET", f"{_ROOT}/progress", params={"skip_current_image": "true"}, **options
            )
            # Hosts before 1.6 do not name the task.
            if progress.get("current_task", task) == task:
                await self.connection.ask("POST", f"{_ROOT}/interrupt", **options)
        except Refusal:
            return  # the caller has left, so nobody would read an error


def _decoded(text: Any) -> bytes:
    return decode_base64(str(text).rpartition(",")[2])


def _text(data: bytes) -> str:
    return pybase64.b64encode(data).decode()
