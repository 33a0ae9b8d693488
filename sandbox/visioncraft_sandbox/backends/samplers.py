"""Samplers and schedulers: one algorithm, three spellings.

Automatic1111 writes ``DPM++ 2M Karras``, ComfyUI ``dpmpp_2m`` with ``karras``, and the documents of
image to image ``KarrasDPM``, the name in diffusers.
"""

from __future__ import annotations

from collections.abc import Sequence

from visioncraft_sandbox.backends.images import Offered

# By ComfyUI's name, Automatic1111's.
_LABELS = {
    "euler": "Euler", "euler_ancestral": "Euler a", "lms": "LMS", "heun": "Heun",
    "dpm_2": "DPM2", "dpm_2_ancestral": "DPM2 a", "dpmpp_2s_ancestral": "DPM++ 2S a",
    "dpmpp_2m": "DPM++ 2M", "dpmpp_sde": "DPM++ SDE", "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_3m_sde": "DPM++ 3M SDE", "dpm_fast": "DPM fast", "dpm_adaptive": "DPM adaptive",
    "ddim": "DDIM", "plms": "PLMS", "uni_pc": "UniPC", "lcm": "LCM",
}  # fmt: skip
_KEYS = {label.lower(): key for key, label in _LABELS.items()}

_DIFFUSERS: dict[str, tuple[str, str | None]] = {
    "dpmsolvermultistep": ("dpmpp_2m", None),
    "heundiscrete": ("heun", None),
    "karrasdpm": ("dpmpp_2m", "karras"),
    "k_euler": ("euler", None),
    "k_euler_ancestral": ("euler_ancestral", None),
    "pndm": ("plms", None),
    "ims": ("lms", None),  # as a document spells it
}

# The nearest ones, for hosts that lack one.
_SUBSTITUTES = {
    "heunpp2": ("heun",), "dpmpp_sde_gpu": ("dpmpp_sde",), "dpmpp_2m_sde_gpu": ("dpmpp_2m_sde",),
    "dpmpp_3m_sde_gpu": ("dpmpp_3m_sde", "dpmpp_2m_sde"), "dpmpp_3m_sde": ("dpmpp_2m_sde",),
    "uni_pc_bh2": ("uni_pc",), "ddpm": ("euler_ancestral",), "plms": ("ipndm", "lms"),
    "ddim": ("euler",),
}  # fmt: skip

_SCHEDULES = ("karras", "exponential", "polyexponential", "sgm_uniform", "simple", "normal", "beta")
_SCHEDULE_SUBSTITUTES = {
    "normal": ("uniform", "automatic"), "ddim_uniform": ("ddim", "uniform", "normal"),
    "ddim": ("ddim_uniform",), "uniform": ("normal",), "polyexponential": ("exponential",),
}  # fmt: skip


def choose(name: str | None, scheduler: str | None, offered: Offered) -> tuple[str, str | None]:
    """The host's own sampler and scheduler for names in any of the spellings.

    A sampler's name may end with a scheduler; ``None`` is Euler. A scheduler of ``None`` leaves
    the choice to the host.
    """
    samplers, schedulers = offered.samplers, offered.schedulers
    if name in samplers:
        return str(name), _schedule(scheduler, schedulers)
    key, own = _parts(name or "euler")
    wanted = scheduler or own
    for candidate in (key, *_SUBSTITUTES.get(key, ()), "euler"):
        label = _LABELS.get(candidate, candidate)
        with_schedule = f"{label} {(wanted or '').title()}"
        for spelling in (with_schedule, candidate, label):
            if spelling in samplers:
                return spelling, _schedule(wanted, schedulers)
    return (samplers[0] if samplers else "Euler"), _schedule(wanted, schedulers)


def _parts(name: str) -> tuple[str, str | None]:
    plain = name.strip().lower()
    if plain in _DIFFUSERS:
        return _DIFFUSERS[plain]
    for schedule in _SCHEDULES:
        ending = " " + schedule.replace("_", " ")
        if plain.endswith(ending):
            plain = plain.removesuffix(ending)
            return _KEYS.get(plain, plain), schedule
    return _KEYS.get(plain, plain), None


def _schedule(wanted: str | None, offered: Sequence[str]) -> str | None:
    if wanted is None:
        return None
    known = {name.lower().replace(" ", "_"): name for name in offered}
    plain = wanted.lower().replace(" ", "_")
    for candidate in (plain, *_SCHEDULE_SUBSTITUTES.get(plain, ())):
        if candidate in known:
            return known[candidate]
    return None
