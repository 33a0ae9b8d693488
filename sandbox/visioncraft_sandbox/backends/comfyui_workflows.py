"""Workflows for ComfyUI in its API form: nodes by id, an input being a value or (node, output).

Only nodes of ComfyUI itself are used. Pictures end in ``PreviewImage``: they go into the host's
folder for temporary files, not among its owner's works.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Workflow: TypeAlias = dict[str, dict[str, Any]]
Link: TypeAlias = list[Any]


@dataclass
class _Graph:
    nodes: Workflow = field(default_factory=dict)

    def add(self, kind: str, **inputs: Any) -> str:
        number = str(len(self.nodes) + 1)
        self.nodes[number] = {"class_type": kind, "inputs": inputs}
        return number


@dataclass(frozen=True)
class Sampled:
    """What is asked of the sampler, in the host's own names.

    Attributes:
        model: The checkpoint's file.
        prompt: What to draw.
        negative_prompt: What not to draw.
        width: In pixels, a multiple of 8.
        height: In pixels, a multiple of 8.
        count: How many pictures.
        sampler: The sampler.
        scheduler: The scheduler.
        steps: Refinement steps.
        cfg_scale: Guidance.
        seed: 0 to 2^64 - 1.
        loras: Weights by file.
        source: An uploaded picture to start from, as `LoadImage` names it.
        mask: An uploaded mask, white where to repaint.
        strength: How much of the source to change.
    """

    model: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    count: int
    sampler: str
    scheduler: str
    steps: int
    cfg_scale: float
    seed: int
    loras: Mapping[str, float]
    source: str | None = None
    mask: str | None = None
    strength: float = 1.0


def sampling_workflow(wanted: Sampled) -> Workflow:
    """Pictures from words, or from a picture and words, within a mask if there is one."""
    graph = _Graph()
    checkpoint = graph.add("CheckpointLoaderSimple", ckpt_name=wanted.model)
    model: Link = [checkpoint, 0]
    clip: Link = [checkpoint, 1]
    for name, weight in wanted.loras.items():
        lora = graph.add(
            "LoraLoader",
            model=model,
            clip=clip,
            lora_name=name,
            strength_model=weight,
            strength_clip=weight,
        )
        model, clip = [lora, 0], [lora, 1]
    sampler = graph.add(
        "KSampler",
        model=model,
        positive=[graph.add("CLIPTextEncode", clip=clip, text=wanted.prompt), 0],
        negative=[graph.add("CLIPTextEncode", clip=clip, text=wanted.negative_prompt), 0],
        latent_image=_latent(graph, wanted, [checkpoint, 2]),
        seed=wanted.seed,
        steps=wanted.steps,
        cfg=wanted.cfg_scale,
        sampler_name=wanted.sampler,
        scheduler=wanted.scheduler,
        denoise=wanted.strength if wanted.source is not None else 1.0,
    )
    decoded = graph.add("VAEDecode", samples=[sampler, 0], vae=[checkpoint, 2])
    graph.add("PreviewImage", images=[decoded, 0])
    return graph.nodes


def _latent(graph: _Graph, wanted: Sampled, vae: Link) -> Link:
    if wanted.source is None:
        empty = graph.add(
            "EmptyLatentImage", width=wanted.width, height=wanted.height, batch_size=wanted.count
        )
        return [empty, 0]
    source = _scaled(graph, wanted.source, wanted.width, wanted.height)
    latent = graph.add("VAEEncode", pixels=source, vae=vae)
    if wanted.mask is not None:
        mask = graph.add("LoadImageMask", image=wanted.mask, channel="red")
        latent = graph.add("SetLatentNoiseMask", samples=[latent, 0], mask=[mask, 0])
    return [latent, 0]


def _scaled(graph: _Graph, picture: str | Link, width: int, height: int) -> Link:
    if isinstance(picture, str):
        picture = [graph.add("LoadImage", image=picture), 0]
    scaled = graph.add(
        "ImageScale",
        image=picture,
        upscale_method="lanczos",
        width=width,
        height=height,
        crop="disabled",
    )
    return [scaled, 0]


def upscaling_workflow(picture: str, upscaler: str, size: tuple[int, int]) -> Workflow:
    """The same picture with more pixels; whatever the model's factor, of the given size."""
    graph = _Graph()
    loaded = graph.add("LoadImage", image=picture)
    model = graph.add("UpscaleModelLoader", model_name=upscaler)
    larger = graph.add("ImageUpscaleWithModel", upscale_model=[model, 0], image=[loaded, 0])
    graph.add("PreviewImage", images=_scaled(graph, [larger, 0], *size))
    return graph.nodes
