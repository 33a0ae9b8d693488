"""ComfyUI: queue a workflow, poll its history, fetch the pictures.

Workflows are in ComfyUI's API form: nodes by id, whose inputs are values or (node, output), and
only nodes of ComfyUI itself. Pictures end in ``PreviewImage``, which puts them into the host's
folder for temporary files rather than among its owner's works.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.backends import images

Workflow: TypeAlias = dict[str, dict[str, Any]]
Link: TypeAlias = list[Any]

PROBE = "/object_info/KSampler"
_FOLDER = "visioncraft"
_FIRST_WAIT = 0.05
_LONGEST_WAIT = 1.0
_LOST_AFTER = 3
_INTERRUPT_SECONDS = 5.0


class ComfyUI(images.ImageHost):
    """A host that speaks ComfyUI's API.

    Its history is polled, at first 20 times a second, later once a second: a websocket would be
    slightly faster, but needs a library.
    """

    async def read_offered(self) -> images.Offered:
        """Ask the host which names its nodes accept."""
        models, sampler, loras, upscalers = await asyncio.gather(
            self._inputs("CheckpointLoaderSimple"),
            self._inputs("KSampler"),
            self._inputs("LoraLoader"),
            self._inputs("UpscaleModelLoader"),
        )
        return images.Offered(
            models=_choices(models, "ckpt_name"),
            samplers=_choices(sampler, "sampler_name"),
            schedulers=_choices(sampler, "scheduler"),
            loras=_choices(loras, "lora_name"),
            upscalers=_choices(upscalers, "model_name"),
            loaded=next(iter(_choices(models, "ckpt_name")), None),
        )

    async def _inputs(self, node: str) -> Mapping[str, Any]:
        info = await self.connection.json("GET", f"/object_info/{node}")
        found: Mapping[str, Any] = (info.get(node) or {}).get("input", {}).get("required", {})
        return found

    async def draw(self, spec: images.ImageSpec) -> images.ImageResult:
        """See `ImageHost.draw`."""
        offered = await self.offered()
        model = self.model_for(spec, offered)
        if model is None:
            raise Refusal(502, f"{self.connection.address} has no models.")
        sampler, scheduler = images.choose(spec.sampler, spec.scheduler, offered)
        workflow = _sampling_workflow(
            spec,
            model=model,
            sampler=sampler,
            scheduler=scheduler or "normal",
            source=await self._uploaded(spec.source),
            mask=await self._uploaded(spec.mask),
        )
        files = await self._run(workflow, spec.count)
        return images.ImageResult(files, self.connection.engine("comfyui", model))

    async def upscale(
        self, png: bytes, size: tuple[int, int], model: str | None
    ) -> images.ImageResult | None:
        """See `ImageHost.upscale`."""
        upscaler = (await self.offered()).upscaler_for(model)
        if upscaler is None:
            return None
        picture = await self._uploaded(png) or ""
        files = await self._run(_upscaling_workflow(picture, upscaler, size), 1)
        return images.ImageResult(files, self.connection.engine("comfyui", upscaler))

    async def _uploaded(self, png: bytes | None) -> str | None:
        """Upload a picture, and return its name for `LoadImage`."""
        if png is None:
            return None
        name = f"{hashlib.sha256(png).hexdigest()[:24]}.png"
        answer = await self.connection.json(
            "POST",
            "/upload/image",
            data={"type": "temp", "subfolder": _FOLDER, "overwrite": "true"},
            files={"image": (name, png, "image/png")},
        )
        folder = answer.get("subfolder")
        path = f"{folder}/{answer['name']}" if folder else answer["name"]
        return f"{path} [{answer.get('type', 'input')}]"

    async def _run(self, workflow: Workflow, count: int) -> list[bytes]:
        answer = await self.connection.send("POST", "/prompt", json={"prompt": workflow})
        if not answer.is_success:
            raise await self._refused(answer)
        number = str((await self.connection.decoded(answer))["prompt_id"])
        try:
            done = await self._finished(number)
        except asyncio.CancelledError:
            await self._interrupt(number)
            raise
        pictures = [
            image for node in done.get("outputs", {}).values() for image in node.get("images", ())
        ]
        if not pictures:
            raise Refusal(502, f"{self.connection.address} returned no picture: {_failure(done)}.")
        files: list[bytes] = []
        for image in pictures[:count]:
            files.append(await self._fetched(image))
            self.connection.check_size(sum(map(len, files)))
        return files

    async def _finished(self, number: str) -> Mapping[str, Any]:
        """Wait for the entry of the history, and return it."""
        wait, missing = _FIRST_WAIT, 0
        while True:
            history = await self.connection.json("GET", f"/history/{number}")
            if number in history:
                found: Mapping[str, Any] = history[number]
                return found
            # A host that was restarted has forgotten it. On its way from the queue to the history
            # a workflow is in neither for a moment.
            missing = 0 if await self._place(number) else missing + 1
            if missing >= _LOST_AFTER:
                raise Refusal(503, f"{self.connection.address} has lost the request. Try again.")
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, _LONGEST_WAIT)

    async def _place(self, number: str, **options: Any) -> str | None:
        """``running``, ``pending``, or neither."""
        queue = await self.connection.json("GET", "/queue", **options)
        for place in ("running", "pending"):
            if any(item[1] == number for item in queue.get(f"queue_{place}", ())):
                return place
        return None

    async def _fetched(self, image: Mapping[str, Any]) -> bytes:
        names = ("filename", "subfolder", "type")
        where = {name: str(image.get(name, "")) for name in names}
        return (await self.connection.ask("GET", "/view", params=where)).content

    async def _interrupt(self, number: str) -> None:
        """Remove the workflow from the queue, or interrupt it if it is running."""
        options = {"timeout": _INTERRUPT_SECONDS}
        try:
            await self.connection.ask("POST", "/queue", json={"delete": [number]}, **options)
            if await self._place(number, **options) == "running":
                # Hosts that ignore `prompt_id` interrupt the running workflow, which is this one.
                body = {"prompt_id": number}
                await self.connection.ask("POST", "/interrupt", json=body, **options)
        except Refusal:
            return  # the caller has left, so nobody would read an error

    async def _refused(self, answer: Any) -> Refusal:
        """The refusal for a workflow that the host rejects, in the words of its nodes."""
        try:
            errors = (await self.connection.decoded(answer)).get("node_errors") or {}
        except (Refusal, AttributeError):
            errors = {}
        said = [
            f"{node.get('class_type')}: {error.get('message')} ({error.get('details')})"
            for node in (errors.values() if isinstance(errors, Mapping) else ())
            for error in node.get("errors", ())
        ]
        if not said:
            return self.connection.refusal(answer)
        return Refusal(502, f"{self.connection.address} refused the workflow: {'; '.join(said)}.")


def _choices(inputs: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A node's choices: ``[[…], {}]``, or ``["COMBO", {"options": […]}]`` in newer nodes."""
    found: Sequence[Any] = inputs.get(name) or [[]]
    options = found[0]
    if isinstance(options, str) and len(found) > 1:
        options = found[1].get("options", ())
    return tuple(str(option) for option in options) if not isinstance(options, str) else ()


def _failure(done: Mapping[str, Any]) -> str:
    for kind, message in (done.get("status") or {}).get("messages", ()):
        if kind == "execution_error":
            said = " ".join(str(message.get("exception_message", "")).split()).rstrip(".")
            return f"{message.get('node_type')}: {said}"
        if kind == "execution_interrupted":
            return "it was interrupted"
    return "the workflow had no output"


def _add(graph: Workflow, kind: str, **inputs: Any) -> Link:
    """Add a node, and return its first output."""
    number = str(len(graph) + 1)
    graph[number] = {"class_type": kind, "inputs": inputs}
    return [number, 0]


def _sampling_workflow(
    spec: images.ImageSpec,
    *,
    model: str,
    sampler: str,
    scheduler: str,
    source: str | None = None,
    mask: str | None = None,
) -> Workflow:
    """Pictures from words, or from a picture and words, within a mask if there is one.

    All names are the host's, those of the uploaded source and mask as `LoadImage` takes them.
    """
    graph: Workflow = {}
    checkpoint = _add(graph, "CheckpointLoaderSimple", ckpt_name=model)[0]
    network: Link = [checkpoint, 0]
    clip: Link = [checkpoint, 1]
    vae: Link = [checkpoint, 2]
    for name, weight in spec.loras.items():
        weights = {"lora_name": name, "strength_model": weight, "strength_clip": weight}
        lora = _add(graph, "LoraLoader", model=network, clip=clip, **weights)[0]
        network, clip = [lora, 0], [lora, 1]
    samples = _add(
        graph,
        "KSampler",
        model=network,
        positive=_add(graph, "CLIPTextEncode", clip=clip, text=spec.prompt),
        negative=_add(graph, "CLIPTextEncode", clip=clip, text=spec.negative_prompt or ""),
        latent_image=_latent(graph, spec, vae, source, mask),
        seed=secrets.randbits(63) if spec.seed is None else spec.seed % 2**63,
        steps=spec.steps or images.DEFAULT_STEPS,
        cfg=images.DEFAULT_CFG_SCALE if spec.cfg_scale is None else spec.cfg_scale,
        sampler_name=sampler,
        scheduler=scheduler,
        denoise=spec.strength if source is not None else 1.0,
    )
    _add(graph, "PreviewImage", images=_add(graph, "VAEDecode", samples=samples, vae=vae))
    return graph


def _latent(
    graph: Workflow, spec: images.ImageSpec, vae: Link, source: str | None, mask: str | None
) -> Link:
    width, height = spec.latent_size
    if source is None:
        sides = {"width": width, "height": height}
        return _add(graph, "EmptyLatentImage", **sides, batch_size=spec.count)
    picture = _add(graph, "LoadImage", image=source)
    latent = _add(graph, "VAEEncode", pixels=_scaled(graph, picture, width, height), vae=vae)
    if mask is None:
        return latent
    shape = _add(graph, "LoadImageMask", image=mask, channel="red")
    return _add(graph, "SetLatentNoiseMask", samples=latent, mask=shape)


def _scaled(graph: Workflow, picture: Link, width: int, height: int) -> Link:
    how = {"upscale_method": "lanczos", "crop": "disabled"}
    return _add(graph, "ImageScale", image=picture, width=width, height=height, **how)


def _upscaling_workflow(picture: str, upscaler: str, size: tuple[int, int]) -> Workflow:
    """The same picture in this size, which need not be the model's factor."""
    graph: Workflow = {}
    loaded = _add(graph, "LoadImage", image=picture)
    model = _add(graph, "UpscaleModelLoader", model_name=upscaler)
    larger = _add(graph, "ImageUpscaleWithModel", upscale_model=model, image=loaded)
    _add(graph, "PreviewImage", images=_scaled(graph, larger, *size))
    return graph
