"""Workflows for ComfyUI in its API form: nodes by id, whose inputs are values or (node, output).

Only nodes of ComfyUI itself are used. Pictures end in ``PreviewImage``, which puts them into the
host's folder for temporary files rather than among its owner's works.
"""

from __future__ import annotations

import secrets
from typing import Any, TypeAlias

from visioncraft_sandbox.backends.images import DEFAULT_CFG_SCALE, DEFAULT_STEPS, ImageSpec

Workflow: TypeAlias = dict[str, dict[str, Any]]
Link: TypeAlias = list[Any]


def _add(graph: Workflow, kind: str, **inputs: Any) -> Link:
    """Add a node, and return its first output."""
    number = str(len(graph) + 1)
    graph[number] = {"class_type": kind, "inputs": inputs}
    return [number, 0]


def sampling_workflow(
    spec: ImageSpec,
    *,
    model: str,
    sampler: str,
    scheduler: str,
    source: str | None = None,
    mask: str | None = None,
) -> Workflow:
    """Pictures from words, or from a picture and words, within a mask if there is one.

    Args:
        spec: What is requested.
        model: The checkpoint's file; this and the next two are names of the host.
        sampler: The sampler.
        scheduler: The scheduler.
        source: The uploaded picture to start from, as `LoadImage` names it.
        mask: The uploaded mask.
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
        steps=spec.steps or DEFAULT_STEPS,
        cfg=DEFAULT_CFG_SCALE if spec.cfg_scale is None else spec.cfg_scale,
        sampler_name=sampler,
        scheduler=scheduler,
        denoise=spec.strength if source is not None else 1.0,
    )
    _add(graph, "PreviewImage", images=_add(graph, "VAEDecode", samples=samples, vae=vae))
    return graph


def _latent(
    graph: Workflow, spec: ImageSpec, vae: Link, source: str | None, mask: str | None
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


def upscaling_workflow(picture: str, upscaler: str, size: tuple[int, int]) -> Workflow:
    """The same picture in this size, which need not be the model's factor."""
    graph: Workflow = {}
    loaded = _add(graph, "LoadImage", image=picture)
    model = _add(graph, "UpscaleModelLoader", model_name=upscaler)
    larger = _add(graph, "ImageUpscaleWithModel", upscale_model=model, image=loaded)
    _add(graph, "PreviewImage", images=_scaled(graph, larger, *size))
    return graph
