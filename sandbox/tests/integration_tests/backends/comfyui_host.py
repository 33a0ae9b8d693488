"""ComfyUI's API as server.py, execution.py and nodes.py of ComfyUI 0.3 have it.

Workflows are checked as ``validate_prompt`` checks them (known nodes, required inputs, links of
the right type, values from the lists) and then run, on pictures of one colour.
"""

from __future__ import annotations

import asyncio
import io
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backend_serving import encoded, form_of, turns
from PIL import Image, ImageOps
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

MODELS = ["SDXL/sd_xl_base_1.0.safetensors", "v1-5-pruned-emaonly.ckpt"]
SAMPLERS = ["euler", "euler_ancestral", "heun", "dpmpp_2m", "ddim", "uni_pc"]
SCHEDULERS = ["normal", "karras", "simple", "ddim_uniform"]
INT, FLOAT, STRING = ("INT", {}), ("FLOAT", {}), ("STRING", {"multiline": True})
METHODS = ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]


@dataclass
class Node:
    inputs: dict[str, Any]
    outputs: tuple[str, ...]
    run: Callable[..., tuple[Any, ...]]


class ComfyHost:
    """One host, and the requests that it received."""

    def __init__(self, *, upscale_models: tuple[str, ...] = ("RealESRGAN_x4plus.pth",)) -> None:
        self.upscale_models = list(upscale_models)
        self.files: dict[tuple[str, str, str], bytes] = {}
        self.pending: list[tuple[str, dict[str, Any]]] = []
        self.running: tuple[str, dict[str, Any]] | None = None
        self.history: dict[str, Any] = {}
        self.workflows: list[dict[str, Any]] = []
        self.failure: str | None = None
        self.hold = False
        self.forget = False
        self.started = threading.Event()
        self.interrupted = threading.Event()
        self.deleted = threading.Event()
        self._work: set[asyncio.Task[None]] = set()
        self.nodes = self._nodes()
        self.app = Starlette(
            routes=[
                Route("/object_info/{node}", self.object_info),
                Route("/prompt", self.prompt, methods=["POST"]),
                Route("/history/{number}", self.get_history),
                Route("/queue", self.get_queue),
                Route("/queue", self.post_queue, methods=["POST"]),
                Route("/interrupt", self.interrupt, methods=["POST"]),
                Route("/upload/image", self.upload, methods=["POST"]),
                Route("/view", self.view),
            ]
        )

    def _nodes(self) -> dict[str, Node]:
        images = ["example.png"]
        return {
            "CheckpointLoaderSimple": Node(
                {"ckpt_name": (MODELS, {"tooltip": "The checkpoint."})},
                ("MODEL", "CLIP", "VAE"),
                lambda ckpt_name: ("model", "clip", "vae"),
            ),
            "LoraLoader": Node(
                {"model": ("MODEL",), "clip": ("CLIP",), "lora_name": (["add_detail.safetensors"],),
                 "strength_model": FLOAT, "strength_clip": FLOAT},
                ("MODEL", "CLIP"),
                lambda model, clip, **_: (model, clip),
            ),
            "CLIPTextEncode": Node(
                {"text": STRING, "clip": ("CLIP",)}, ("CONDITIONING",), lambda text, clip: (text,)
            ),
            "EmptyLatentImage": Node(
                {"width": INT, "height": INT, "batch_size": INT},
                ("LATENT",),
                lambda width, height, batch_size: (
                    [Image.new("RGB", (width // 8 * 8, height // 8 * 8), "teal")] * batch_size,
                ),
            ),
            "KSampler": Node(
                {"model": ("MODEL",), "seed": INT, "steps": INT, "cfg": FLOAT,
                 "sampler_name": (SAMPLERS, {}), "scheduler": (SCHEDULERS, {}),
                 "positive": ("CONDITIONING",), "negative": ("CONDITIONING",),
                 "latent_image": ("LATENT",), "denoise": FLOAT},
                ("LATENT",),
                self._sample,
            ),
            "VAEEncode": Node(
                {"pixels": ("IMAGE",), "vae": ("VAE",)}, ("LATENT",), lambda pixels, vae: (pixels,)
            ),
            "VAEDecode": Node(
                {"samples": ("LATENT",), "vae": ("VAE",)}, ("IMAGE",),
                lambda samples, vae: (samples,),
            ),
            "SetLatentNoiseMask": Node(
                {"samples": ("LATENT",), "mask": ("MASK",)}, ("LATENT",),
                lambda samples, mask: (samples,),
            ),
            "LoadImage": Node(
                {"image": (images, {"image_upload": True})}, ("IMAGE", "MASK"),
                lambda image: ([self._load(image).convert("RGB")], None),
            ),
            "LoadImageMask": Node(
                {"image": (images, {}), "channel": (["alpha", "red", "green", "blue"],)}, ("MASK",),
                lambda image, channel: (self._load(image).getchannel(0),),
            ),
            "ImageScale": Node(
                {"image": ("IMAGE",), "upscale_method": (METHODS,), "width": INT, "height": INT,
                 "crop": (["disabled", "center"],)},
                ("IMAGE",),
                lambda image, width, height, **_: ([one.resize((width, height)) for one in image],),
            ),
            # Nodes of the newer schema declare their lists so.
            "UpscaleModelLoader": Node(
                {"model_name": ("COMBO", {"options": self.upscale_models})}, ("UPSCALE_MODEL",),
                lambda model_name: (4,),
            ),
            "ImageUpscaleWithModel": Node(
                {"upscale_model": ("UPSCALE_MODEL",), "image": ("IMAGE",)}, ("IMAGE",),
                lambda upscale_model, image: (
                    [ImageOps.scale(one, upscale_model) for one in image],
                ),
            ),
            "PreviewImage": Node({"images": ("IMAGE",)}, (), lambda images: (images,)),
        }  # fmt: skip

    def _sample(self, latent_image: list[Image.Image], **_: Any) -> tuple[Any, ...]:
        if self.failure is not None:
            raise RuntimeError(self.failure)
        return ([Image.new("RGB", one.size, "teal") for one in latent_image],)

    def _load(self, annotated: str) -> Image.Image:
        return Image.open(io.BytesIO(self.files[self._place(annotated)]))

    @staticmethod
    def _place(annotated: str) -> tuple[str, str, str]:
        """As folder_paths.annotated_filepath: "folder/name [temp]"."""
        path, _, kind = annotated.rstrip("]").rpartition(" [")
        folder, _, name = (path or annotated).rpartition("/")
        return (kind if path else "input"), folder, name

    async def object_info(self, request: Request) -> Response:
        node = self.nodes.get(request.path_params["node"])
        if node is None:
            return JSONResponse({})
        info = {"input": {"required": node.inputs}, "output": node.outputs}
        return JSONResponse({request.path_params["node"]: info})

    async def prompt(self, request: Request) -> Response:
        workflow = (await request.json())["prompt"]
        self.workflows.append(workflow)
        errors = {number: found for number in workflow if (found := self._wrong(workflow, number))}
        if errors:
            message = "Prompt outputs failed validation"
            said = {"type": "prompt_outputs_failed_validation", "message": message, "details": ""}
            return JSONResponse({"error": said, "node_errors": errors}, 400)
        number = str(uuid.uuid4())
        self.pending.append((number, workflow))
        if not self.forget:
            task = asyncio.create_task(self._execute())
            self._work.add(task)
            task.add_done_callback(self._work.discard)
        else:
            self.pending.clear()
        return JSONResponse({"prompt_id": number, "number": 0, "node_errors": {}})

    def _wrong(self, workflow: dict[str, Any], number: str) -> dict[str, Any] | None:
        kind, given = workflow[number]["class_type"], workflow[number]["inputs"]
        found = [
            self._problem(workflow, kind, name, spec, given.get(name))
            for name, spec in self.nodes[kind].inputs.items()
        ]
        errors = [
            {"type": problem[0], "message": problem[1], "details": problem[2], "extra_info": {}}
            for problem in found
            if problem is not None
        ]
        return {"errors": errors, "dependent_outputs": [], "class_type": kind} if errors else None

    def _problem(
        self, workflow: dict[str, Any], kind: str, name: str, spec: Any, value: Any
    ) -> tuple[str, str, str] | None:
        wanted = spec[0]
        options = spec[1]["options"] if wanted == "COMBO" else wanted
        if value is None:
            return "required_input_missing", "Required input is missing", name
        if isinstance(value, list):
            there = self.nodes[workflow[value[0]]["class_type"]].outputs[value[1]]
            said = "Return type mismatch between linked nodes"
            problem = "return_type_mismatch", said, f"{name}, {there} != {wanted}"
            return None if there == wanted else problem
        if name == "image" and kind.startswith("LoadImage"):
            said = "Custom validation failed for node"
            problem = "custom_validation_failed", said, f"image - Invalid image file: {value}"
            return None if self._place(value) in self.files else problem
        if isinstance(options, list):
            said = f"{name}: '{value}' not in {options}"
            return None if value in options else ("value_not_in_list", "Value not in list", said)
        python = {"INT": int, "FLOAT": (int, float), "STRING": str}[wanted]
        return None if isinstance(value, python) else ("invalid_input_type", str(wanted), name)

    async def _execute(self) -> None:
        await turns(lambda: self.running is None)
        if not self.pending:
            return
        self.running = number, workflow = self.pending.pop(0)
        self.started.set()
        await turns(lambda: not self.hold or self.interrupted.is_set())
        status: dict[str, Any] = {"status_str": "success", "completed": True, "messages": []}
        outputs: dict[str, Any] = {}
        if self.interrupted.is_set():
            message = ["execution_interrupted", {"prompt_id": number}]
            status = {"status_str": "error", "completed": False, "messages": [message]}
        else:
            try:
                outputs = self._outputs(number, workflow)
            except RuntimeError as error:
                failed = {"node_type": "KSampler", "exception_message": str(error)}
                messages = [["execution_start", {}], ["execution_error", failed]]
                status = {"status_str": "error", "completed": False, "messages": messages}
        self.history[number] = {"prompt": [], "outputs": outputs, "status": status, "meta": {}}
        self.running = None

    def _outputs(self, number: str, workflow: dict[str, Any]) -> dict[str, Any]:
        done: dict[str, tuple[Any, ...]] = {}

        def result(node: str) -> tuple[Any, ...]:
            if node not in done:
                kind, given = workflow[node]["class_type"], workflow[node]["inputs"]
                values = {
                    name: result(value[0])[value[1]] if isinstance(value, list) else value
                    for name, value in given.items()
                }
                done[node] = self.nodes[kind].run(**values)
            return done[node]

        outputs = {}
        for node, content in workflow.items():
            if content["class_type"] == "PreviewImage":
                saved = []
                for count, image in enumerate(result(node)[0], 1):
                    name = f"ComfyUI_temp_{number[:5]}_{count:05}_.png"
                    self.files["temp", "", name] = encoded(image)
                    saved.append({"filename": name, "subfolder": "", "type": "temp"})
                outputs[node] = {"images": saved}
        return outputs

    async def get_history(self, request: Request) -> Response:
        number = request.path_params["number"]
        return JSONResponse({number: self.history[number]} if number in self.history else {})

    async def get_queue(self, _: Request) -> Response:
        def item(order: tuple[str, dict[str, Any]]) -> list[Any]:
            return [0, order[0], order[1], {}, []]

        running = [item(self.running)] if self.running else []
        pending = [item(order) for order in self.pending]
        return JSONResponse({"queue_running": running, "queue_pending": pending})

    async def post_queue(self, request: Request) -> Response:
        gone = (await request.json()).get("delete", ())
        left = [order for order in self.pending if order[0] not in gone]
        if len(left) < len(self.pending):
            self.deleted.set()
        self.pending = left
        return Response()

    async def interrupt(self, _: Request) -> Response:
        self.interrupted.set()
        return Response()

    async def upload(self, request: Request) -> Response:
        form = await form_of(request)
        name, data = form["image"]
        kind, folder = form.get("type", "input"), form.get("subfolder", "")
        self.files[kind, folder, name] = data
        return JSONResponse({"name": name, "subfolder": folder, "type": kind})

    async def view(self, request: Request) -> Response:
        query = request.query_params
        data = self.files.get(
            (query.get("type", "output"), query.get("subfolder", ""), query["filename"])
        )
        return Response(data, media_type="image/png") if data else Response(status_code=404)
