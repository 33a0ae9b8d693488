"""The names in the lists.

Names in the documents come first, in their order; where a document ends a list with "…", names of
well-known open models, samplers and LoRAs complete it. They are only names: the same engines do the
work for every model, and ``x-visioncraft-engine`` says which.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

_SD1_MODELS = """
3guofeng3_v3.4 absolutereality_v1.6 absolutereality_v1.8.1 amIReal_v4.1 analog_diffusion_v1
anything_v3.0 anything_v4.5 anything_V5 abyss_orangemix_v3 blazing_drive_v10g breakdomain_M2150
cetusMix_v3.5 childrensStories_v1_3D childrensStories_v1_semi_real
childrensStories_v1_toon_anime counterfeit_v3.0 cuteyukimix_v5 cyberrealistic_v3.3 dalcefo_v4
deliberate_v2 deliberate_v3 dreamlike_anime_v1 dreamlike_diffusion_v1 dreamlike_photoreal_v2
dreamshaper_v7 dreamshaper_v8 edgeOfRealism_eor_v2.0 elldreths_vivid_mix epicphotogasm_x_plusplus
epicrealism_natural_sin_rc1 faetastic_v2 ICantBelieveItsNotPhotography_seco juggernaut_aftermath
lofi_v4 lyriel_v1.6 majicmixRealistic_v4 mechamix_v1 meinamix_meina_v11 neverendingDream_v1.22
openjourney_v4 pastelMixStylizedAnime portraitplus_v1 protogen_x3.4 realistic_vision_v4.0
realistic_vision_v5.0 redshift_diffusion_v1 rev_animated_v1.2.2 rundiffusion_fx_2.5d_v1
rundiffusion_fx_photorealistic_v1 sd_v1.4 sd_v1.5 shoninsBeautiful_v1 theallys_mix_v2
timeless_v1 toonyou_beta6
"""

_SDXL_MODELS = """
sdxl-base sdxl-turbo sdxl-refiner dreamshaper-xl juggernaut-xl-v7 realvisxl-v2.0 animagine-xl
copax-timeless-xl nightvision-xl playground-v2 protovision-xl sdxl-lightning
"""

_SD_MODELS = """
sdxl-base sdxl-refiner deliberate_v2 anything_V5 absolutereality_v1.8.1 dreamshaper_v8
realistic_vision_v5.0 rev_animated_v1.2.2 meinamix_meina_v11 counterfeit_v3.0
epicrealism_natural_sin_rc1 majicmixRealistic_v4 juggernaut-xl-v7 dreamshaper-xl animagine-xl
playground-v2.5 sdxl-lightning sdxl-turbo sd_v1.5 openjourney_v4 childrensStories_v1_toon_anime
pastelMixStylizedAnime
"""

_LLM_MODELS = """
lzlv_70b_fp16_hf CodeLlama-34b-Instruct-hf airoboros-70b dolphin-2.6-mixtral-8x7b openchat-3.6-8b
Mixtral-8x22B-Instruct-v0.1 codegemma-7b-it WizardLM-2-8x22B zephyr-orpo-141b-A35b-v0.1
dbrx-instruct Mistral-7B-Instruct-v0.3 Llama-2-70b-chat-hf Mixtral-8x7B-Instruct-v0.1
Llama-3-8B-Instruct Mixtral-8x22B-v0.1 Yi-34B-Chat Llama-2-7b-chat-hf Llama-2-13b-chat-hf
gemma-1.1-7b-it Qwen2-72B-Instruct Phi-3-medium-4k-instruct L3-70B-Euryale-v2.1
dolphin-2.9.1-llama-3-70b Llama-3-70B-Instruct WizardLM-2-7B llava-1.5-7b-hf gemma-2-9b-it
gemma-2-27b-it Llama-3.1-8B-Instruct Llama-3.1-70B-Instruct Llama-3.1-405B-Instruct
Nemotron-4-340B-Instruct CodeLlama-70b-Instruct-hf gpt-3.5-turbo
"""

_SAMPLERS = """
Euler|Euler a|LMS|Heun|DPM2|DPM2 a|DPM++ 2S a|DPM++ 2M|DPM++ SDE|DPM fast|DPM adaptive|LMS Karras|
DPM2 Karras|DPM2 a Karras|DPM++ 2S a Karras|DPM++ 2M Karras|DPM++ SDE Karras|DPM++ 2M SDE|
DPM++ 2M SDE Karras|DDIM|PLMS|UniPC
"""

_XL_SAMPLERS = """
euler euler_ancestral heun heunpp2 dpm_2 dpm_2_ancestral Ims lms dpm_fast dpm_adaptive
dpmpp_2s_ancestral dpmpp_sde dpmpp_sde_gpu dpmpp_2m dpmpp_2m_sde dpmpp_2m_sde_gpu dpmpp_3m_sde
dpmpp_3m_sde_gpu ddpm lcm ddim uni_pc uni_pc_bh2
"""

_SD1_LORAS = """
0mib3_v10 3DMM_V12 age_slider_v20 arcane_offset AstralMecha epi_noiseoffset2 eye_size_slider_v1
GrayClay_V1.5.5 add_detail blindbox_v1_mix Colorwater_v4 cutescrap_v3 flat2 FilmVelvia3
FoodPhoto ghibli_style_offset KIDS_ILLUSTRATION lucyCyberpunk_v20 more_details pixel_f2
PaperCut_v2 stained_glass_v1 weight_slider_v2 wlop_v1
"""

_SD_LORAS = """
add_detail analog_diffusion_1.0 anireality_mix arcane_offset blindbox_v1_mix cyberpunk_style
detail detail_slider_v4 epi_noiseoffset2 film_grain_xl ghibli_style_offset more_details
offset_lora_xl papercut_xl pixel_art_xl watercolor_xl
"""

_SDXL_LORAS = "film_grain_xl offset_lora_xl papercut_xl pixel_art_xl watercolor_xl"

_UPSCALERS = ("R-ESRGAN 4x+", "R-ESRGAN 4x+ Anime6B", "ESRGAN_4x", "Lanczos")

_IMG2IMG_SCHEDULERS = """
DDIM DPMSolverMultistep HeunDiscrete KarrasDPM K_EULER K_EULER_ANCESTRAL PNDM
"""


_IMAGE_MODELS = {
    "FLUX.1": "FLUX.1-dev-fp8 FLUX.1-schnell",
    "SDXL-1.0": "AnimagineXL-3.1 AnimagineXL-V3 Kohaku-XL-psilonRev2-ep5 RealismFusion-V1",
    "SD-1.5": "DreamShaper-8 Sudachi-V1 RealisticVision-V6.0",
    "Pony": "FluxPony-v1.0 PonyDiffusion-V6-XL",
    "Kolors": "Kolors-1.0",
    "SD-3.0": "SD3-medium",
    "PixArt": "PixArt-Sigma",
    "Playground-v2": "Playground-v2.5",
    "HunYuanDiT-v1.2": "HunYuanDiT-v1.2",
    "SD-2.0": "SD-2.1",
    "SD-1.4": "SD-1.4",
}

_IMAGE_LORAS = {
    "FLUX.1": "XLabsFluxRealismLoRA-v1.0 FLUX-Detailer FLUX-Anime",
    "SDXL-1.0": "DetailTweakerXL-3.0 PixelArt-XL Papercut-XL",
    "SD-1.5": "AddMoreDetails-DetailEnhancerTweakerLoRA-AddMoreDetails",
}


_LORA_KINDS = (
    *("FLUX.1", "SDXL-1.0", "SD-1.5", "Pony", "Kolors", "SD-3.0", "HunYuanDiT-v1.2", "HunYuanDiT"),
    *("SD-2.0", "SD-1.4", "sd", "sdxl"),
)


def _names(*parts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for part in parts for name in part.split()))


_SD1_SAMPLERS = tuple(name.strip() for name in _SAMPLERS.split("|"))

LISTS: Final[dict[str, tuple[str, ...]]] = {
    **{f"/image/models/{kind}": _names(names) for kind, names in _IMAGE_MODELS.items()},
    **{f"/image/loras/{kind}": _names(_IMAGE_LORAS.get(kind, "")) for kind in _LORA_KINDS},
    "/image/samplers": _SD1_SAMPLERS,
    "/sd/models": _names(_SD_MODELS),
    # The document of 2024-09 begins with "Euler a", those before it with "Euler".
    "/sd/samplers": tuple(dict.fromkeys(("Euler a", "Euler", "LMS", *_SD1_SAMPLERS))),
    "/sd/loras": _names(_SD_LORAS),
    "/sd/models-sd": _names(_SD1_MODELS),
    "/sd/models-sdxl": _names(_SDXL_MODELS),
    "/sd/models-sd3": _names("sd3-medium"),
    "/sd/loras-sd": _names(_SD1_LORAS),
    "/sd/loras-sdxl": _names(_SDXL_LORAS),
    "/sd/loras-sd3": _names("detail_sd3"),
    "/models": _names(_SD1_MODELS),
    "/samplers": _SD1_SAMPLERS,
    "/loras": _names(_SD1_LORAS),
    "/models-xl": _names(_SDXL_MODELS),
    # Since 2024-03-28, named as those of Stable Diffusion 1.x.
    "/samplers-xl": (*_names(_XL_SAMPLERS), *_SD1_SAMPLERS),
    "/loras-xl": _names(_SDXL_LORAS),
    "/schedulers-xl": _names("normal karras exponential sgm_uniform simple ddim_uniform"),
    "/img2img/schedulers": _names(_IMG2IMG_SCHEDULERS),
    "/img2img/refiners": _names("no_refiner expert_ensemble_refiner base_image_refiner"),
    "/models-upscale": _UPSCALERS,
    "/models-llm": _names(_LLM_MODELS),
}
"""The names in each list, by the path of its endpoint."""

LIMITS: Final[dict[str, dict[str, str]]] = {
    "Free Tier": {
        "SD models": "20 per 5 minutes",
        "SDXL models": "10 per 5 minutes",
        "Midjourney": "3 per 24 hours",
        "Text to GIF": "5 per 5 minutes",
        "Image to video": "2 per 5 minutes",
        "Upscale": "10 per 5 minutes",
        "Whisper": "10 per 5 minutes",
        "LLM": "30 per 5 minutes",
    },
    "Tier 1 ($10 per month)": {
        "SD models": "100 per 5 minutes",
        "SDXL models": "60 per 5 minutes",
        "Midjourney": "20 per 24 hours",
        "LLM": "200 per 5 minutes",
    },
    "Tier 2 ($20 per month)": {"All models": "Unlimited"},
}
"""The tiers, as the service listed them; the sandbox itself has no limits by default."""


def takes_images(model: str) -> bool:
    """Whether a chat model takes pictures."""
    return "llava" in model.lower()


def listed(path: str) -> tuple[str, ...]:
    """The names in the list of this path; with ``{type}`` in it, in those of all types."""
    if "{" not in path:
        return LISTS[path]
    start = path.partition("{")[0]
    return _names(*(name for each in LISTS if each.startswith(start) for name in LISTS[each]))


def unknown_names(
    kind: str, given: Iterable[str], path: str, known: Collection[str] | None = None
) -> list[str]:
    """Sentences about names that a list does not hold, as the service words them."""
    known = listed(path) if known is None else known
    return [
        f"This host doesn't have {kind} {name!r}. See GET {path} for the names."
        for name in given
        if name not in known
    ]
