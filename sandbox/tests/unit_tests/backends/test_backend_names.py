"""Addresses, and documented names on hosts with names of their own."""

from __future__ import annotations

import pytest
from visioncraft_sandbox import SandboxConfig, catalog
from visioncraft_sandbox.backends.connection import closest
from visioncraft_sandbox.backends.images import Offered, choose
from visioncraft_sandbox.backends.speech import language_code

from langchain_visioncraft.client.lists import LISTS

A1111 = ["DPM++ 2M", "DPM++ SDE", "DPM++ 2M SDE", "Euler a", "Euler", "LMS", "Heun", "DPM2",
         "DPM2 a", "DPM++ 2S a", "DPM++ 3M SDE", "LCM",
         "DPM fast", "DPM adaptive", "DDIM", "PLMS", "UniPC"]  # fmt: skip
COMFYUI = ["euler", "euler_ancestral", "heun", "heunpp2", "dpm_2", "dpm_2_ancestral", "lms",
           "dpm_fast", "dpm_adaptive", "dpmpp_2s_ancestral", "dpmpp_sde", "dpmpp_2m",
           "dpmpp_2m_sde", "dpmpp_3m_sde", "ddpm", "lcm", "ipndm", "ddim", "uni_pc",
           "uni_pc_bh2"]  # fmt: skip
SCHEDULERS = {"a1111": ["automatic", "uniform", "karras", "exponential", "normal", "ddim"],
              "comfyui": ["normal", "karras", "exponential", "simple", "ddim_uniform"]}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "url", "kind"),
    [
        ("http://127.0.0.1:7860/", "http://127.0.0.1:7860", None),
        ("forge+https://host/sd", "https://host/sd", "a1111"),
        ("ComfyUI+http://[::1]:8188", "http://[::1]:8188", "comfyui"),
    ],
)
def test_an_address_is_a_root_with_an_optional_kind(text: str, url: str, kind: str | None) -> None:
    address = SandboxConfig(images=text).server("images")
    assert address is not None
    assert (address.url, address.kind) == (url, kind)


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        ("images", "127.0.0.1:7860", "--images takes the root of a server"),
        ("images", "a1111+ftp://host", "--images takes the root of a server"),
        ("images", "fooocus+http://host", "'fooocus' is not known; the prefixes are a1111"),
        ("speech", "comfyui+http://host", "the prefixes are openai, whispercpp"),
        ("speech", "http://host:70000", "--speech takes the root"),
        ("vision_llm", "http://host?key=secret", "into VISIONCRAFT_SANDBOX_VISION_LLM_KEY"),
        ("images", "http://user:secret@host", "user:password, into VISIONCRAFT_SANDBOX_IM"),
        ("llm", "model.gguf", "neither a GGUF file that exists nor an"),
    ],
)
def test_a_malformed_address_is_reported_without_its_secrets(
    option: str, text: str, words: str
) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011  # the words are checked below
        SandboxConfig(**{option: text})
    assert words in str(raised.value)
    assert "secret" not in str(raised.value)


def test_keys_are_not_in_the_configurations_text() -> None:
    keys = {f"{name}_key": "secret" for name in ("llm", "vision_llm", "images", "speech")}
    assert "secret" not in repr(SandboxConfig(**keys))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("sdxl-base", "SDXL/sd_xl_base_1.0.safetensors"),
        ("dreamshaper_v8", "DreamShaper_8.safetensors"),
        ("Llama-3.1-8B-Instruct", "llama3.1:8b"),
        ("DreamShaper_8.safetensors", "DreamShaper_8.safetensors"),
        ("anything_V5", None),
        ("sd", None),
    ],
)
def test_the_closest_name_means_the_same(asked: str, found: str | None) -> None:
    offered = ["SDXL/sd_xl_base_1.0.safetensors", "DreamShaper_8.safetensors", "llama3.1:8b"]
    assert closest(asked, offered) == found


def test_an_unknown_model_is_one_of_its_family_or_the_loaded_one() -> None:
    offered = Offered(models=("v1-5", "juggernautXL", "sd_xl_base"), loaded="v1-5")
    assert offered.model_for("playground-xl") == "juggernautXL"
    assert offered.model_for("anything_V5") == "v1-5"
    assert offered.model_for(None) == "v1-5"
    assert Offered().model_for("anything_V5") is None


@pytest.mark.parametrize("host", ["a1111", "comfyui"])
@pytest.mark.parametrize("path", [*(
    path for (_, kind), (path, _) in LISTS.items() if kind == "samplers"
), "/img2img/schedulers"])  # fmt: skip
def test_every_documented_sampler_has_one_on_each_host(path: str, host: str) -> None:
    offered = A1111 if host == "a1111" else COMFYUI
    for name in catalog.LISTS[path]:
        sampler, _ = choose(name, None, Offered(samplers=offered, schedulers=SCHEDULERS[host]))
        assert sampler in offered
        # Euler stands for nothing else, so nothing falls through to it.
        assert sampler.lower() != "euler" or "euler" in name.lower(), name


@pytest.mark.parametrize(
    ("name", "scheduler", "a1111", "comfyui"),
    [
        ("DPM++ 2M Karras", None, ("DPM++ 2M", "karras"), ("dpmpp_2m", "karras")),
        ("KarrasDPM", None, ("DPM++ 2M", "karras"), ("dpmpp_2m", "karras")),
        ("K_EULER_ANCESTRAL", None, ("Euler a", None), ("euler_ancestral", None)),
        ("PNDM", None, ("PLMS", None), ("ipndm", None)),
        ("Ims", "normal", ("LMS", "normal"), ("lms", "normal")),
        ("heunpp2", "ddim_uniform", ("Heun", "ddim"), ("heunpp2", "ddim_uniform")),
        ("dpmpp_2m_sde_gpu", "exponential", ("DPM++ 2M SDE", "exponential"),
         ("dpmpp_2m_sde", "exponential")),
        (None, None, ("Euler", None), ("euler", None)),
    ],
)  # fmt: skip
def test_a_sampler_is_spelled_as_each_host_spells_it(
    name: str | None, scheduler: str | None, a1111: tuple[str, ...], comfyui: tuple[str, ...]
) -> None:
    for offered, host, wanted in ((A1111, "a1111", a1111), (COMFYUI, "comfyui", comfyui)):
        chosen = choose(name, scheduler, Offered(samplers=offered, schedulers=SCHEDULERS[host]))
        assert chosen == wanted


def test_older_hosts_have_schedulers_in_the_names_of_samplers() -> None:
    old = ["Euler", "DPM++ 2M", "DPM++ 2M Karras"]
    assert choose("DPM++ 2M Karras", None, Offered(samplers=old, schedulers=[])) == (
        "DPM++ 2M Karras",
        None,
    )
    assert choose("dpmpp_2m", "karras", Offered(samplers=old, schedulers=[])) == (
        "DPM++ 2M Karras",
        None,
    )


@pytest.mark.parametrize(
    ("name", "code"),
    [("english", "en"), ("Haitian Creole", "ht"), ("de", "de"), ("yue", "yue"), (None, None)],
)
def test_a_language_is_named_by_its_code(name: str | None, code: str | None) -> None:
    assert language_code(name) == code
