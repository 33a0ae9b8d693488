"""The lists of names: where each is served, and the request for one."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import Field

from langchain_visioncraft.client.fields import OptionalText, Request

Family: TypeAlias = Literal["image", "sd", "sd1", "sdxl", "img2img", "upscale", "llm"]
ListKind: TypeAlias = Literal["models", "samplers", "schedulers", "loras", "refiners"]

_IMAGE_BASES = (
    *("FLUX.1", "SDXL-1.0", "SD-1.5", "Pony", "Kolors", "SD-3.0", "PixArt", "Playground-v2"),
    *("HunYuanDiT-v1.2", "SD-2.0", "SD-1.4"),
)
_LORA_BASES = (
    *("FLUX.1", "SDXL-1.0", "SD-1.5", "Pony", "Kolors", "SD-3.0", "HunYuanDiT-v1.2", "HunYuanDiT"),
    *("SD-2.0", "SD-1.4", "sd", "sdxl"),
)

LISTS: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("image", "models"): ("/image/models/{base}", _IMAGE_BASES),
    ("image", "samplers"): ("/image/samplers", ()),
    ("image", "loras"): ("/image/loras/{base}", _LORA_BASES),
    ("sd", "models"): ("/sd/models", ("sdxl", "sd", "sd3")),
    ("sd", "samplers"): ("/sd/samplers", ()),
    ("sd", "loras"): ("/sd/loras", ("sdxl", "sd", "sd3")),
    ("sd1", "models"): ("/models", ()),
    ("sd1", "samplers"): ("/samplers", ()),
    ("sd1", "loras"): ("/loras", ()),
    ("sdxl", "models"): ("/models-xl", ()),
    ("sdxl", "samplers"): ("/samplers-xl", ()),
    ("sdxl", "schedulers"): ("/schedulers-xl", ()),
    ("sdxl", "loras"): ("/loras-xl", ()),
    ("img2img", "schedulers"): ("/img2img/schedulers", ()),
    ("img2img", "refiners"): ("/img2img/refiners", ()),
    ("upscale", "models"): ("/models-upscale", ()),
    ("llm", "models"): ("/models-llm", ()),
}
"""Where each family's lists are served, and the base models by which some are split."""


def list_paths(family: str, kind: str, base_model: str | None = None) -> list[list[str]]:
    """The paths of a list, by generation of hosts; those of one generation are parts of the list.

    From 2024-05 on, the lists of ``/sd`` were split by base model, as in ``/sd/models-sdxl``.
    """
    path, bases = LISTS[family, kind]
    divided = path if "{" in path else f"{path}-{{base}}"
    parts = [divided.format(base=each) for each in ([base_model] if base_model else bases)]
    return [each for each in ([] if base_model or path == divided else [path], parts) if each]


class ListRequest(Request):
    """One of the lists of names, such as ``GET /sd/models``."""

    family: Family = Field(
        kw_only=False,
        description="'image' (all models since 2024-08), 'sd' (text to image), 'sd1' (Stable "
        "Diffusion 1.x), 'sdxl', 'img2img' (image to image), 'upscale' or 'llm' (chat).",
    )
    kind: ListKind = Field(
        kw_only=False,
        description="What to list: image, sd and sd1 have models, samplers, loras; sdxl has "
        "schedulers, too; img2img has schedulers, refiners; upscale and llm have models.",
    )
    base_model: OptionalText = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Only those for one base model, where 'image' or 'sd' are divided: 'FLUX.1', "
        "'SDXL-1.0', 'SD-1.5', 'Pony', … or 'sd', 'sdxl', 'sd3'.",
    )

    def model_post_init(self, _: Any) -> None:
        """Refuse a combination that no document offers."""
        if (self.family, self.kind) not in LISTS:
            kinds = [kind for family, kind in LISTS if family == self.family]
            msg = f"the family {self.family!r} has no {self.kind}, only {', '.join(kinds)}"
            raise ValueError(msg)
        if self.base_model and not LISTS[self.family, self.kind][1]:
            msg = f"the {self.kind} of {self.family!r} are one list: leave `base_model` out"
            raise ValueError(msg)
