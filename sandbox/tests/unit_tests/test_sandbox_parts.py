"""Parts of the sandbox by themselves: files, limits, prompts, the recorder, vision, schemas."""

from __future__ import annotations

import io

import pytest
import visioncraft_sandbox
from PIL import Image
from visioncraft_sandbox.catalog import LISTS
from visioncraft_sandbox.engines.parameters import split_parameters, to_png
from visioncraft_sandbox.engines.vision import describe
from visioncraft_sandbox.files import FileStore
from visioncraft_sandbox.routes_midjourney import split_prompt
from visioncraft_sandbox.validation import duration_text


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_public_names_are_pinned() -> None:
    names = {"Fault", "Limit", "Sandbox", "SandboxConfig", "create_app"}
    assert set(visioncraft_sandbox.__all__) == set(dir(visioncraft_sandbox)) == names
    assert {getattr(visioncraft_sandbox, name).__name__ for name in names} == names
    with pytest.raises(AttributeError, match="has no attribute 'Sandpit'"):
        _ = visioncraft_sandbox.Sandpit


def test_the_names_of_the_documents_come_first_in_their_order() -> None:
    assert LISTS["/sd/models"][:3] == ("sdxl-base", "sdxl-refiner", "deliberate_v2")
    assert LISTS["/sd/samplers"][:3] == ("Euler a", "Euler", "LMS")
    assert LISTS["/samplers"][:6] == ("Euler", "Euler a", "LMS", "Heun", "DPM2", "DPM2 a")
    assert LISTS["/models"][7] == "anything_V5"
    assert "GrayClay_V1.5.5" in LISTS["/loras"]
    assert "gpt-3.5-turbo" in LISTS["/models-llm"]
    assert all(len(names) == len(set(names)) for names in LISTS.values())


def test_a_file_is_kept_for_its_time_and_then_gone() -> None:
    clock = Clock()
    store = FileStore(1000, 60, clock)
    name = store.add(b"GIF89a", "test")
    assert name.endswith(".gif")
    clock.now = 59
    assert store.get(name) is not None
    clock.now = 60
    assert store.get(name) is None
    assert store.is_gone(name)
    assert not store.is_gone("other")


def test_the_oldest_files_go_when_the_memory_is_full() -> None:
    store = FileStore(10, 60, Clock())
    first, second = store.add(b"a" * 6, "test"), store.add(b"b" * 6, "test")
    assert store.get(first) is None
    assert store.get(second) is not None


def test_all_links_can_be_made_to_expire() -> None:
    store = FileStore(10, 60, Clock())
    name = store.add(b"a", "test")
    store.expire_all()
    assert store.is_gone(name)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(300, "5 minutes"), (60, "1 minute"), (3600, "1 hour"), (90, "90 seconds")],
)
def test_durations_are_written_as_the_service_writes_them(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_midjourney_switches_are_no_part_of_the_picture() -> None:
    text, width, height = split_prompt("Paper cut of a seascape --ar 9:16 --v 5.2")
    assert text == "Paper cut of a seascape"
    assert width / height == pytest.approx(9 / 16, rel=0.02)
    assert split_prompt("--v 5")[0] == "--v 5"


def test_vision_reports_measurements_and_the_text_of_the_file() -> None:
    image = Image.new("RGB", (300, 100), (20, 30, 90))
    data = to_png(image, parameters="a navy sea\nSteps: 30")
    described = describe([Image.open(io.BytesIO(data))])
    assert "300 x 100 pixels (landscape format)" in described
    assert "navy blue" in described
    assert 'Stored in its file: made from the prompt "a navy sea".' in described
    assert "Settings stored with it: Steps: 30." in described


@pytest.mark.parametrize(
    ("text", "prompt", "settings"),
    [
        ("a cat\nin a red hat\nSteps: 30, Seed: 5", "a cat\nin a red hat", "Steps: 30, Seed: 5"),
        ("a\nb\nNegative prompt: c\nd\nSteps: 30", "a\nb", "Negative prompt: c\nd\nSteps: 30"),
        ("a\n\nb\nSize: 64x64, Model: m", "a\n\nb", "Size: 64x64, Model: m"),
        ("Steps: up\nSteps: 5, Seed: 1\nMore: x", "Steps: up", "Steps: 5, Seed: 1\nMore: x"),
        ("a cat\nin a hat", "a cat\nin a hat", ""),
        ("\nSteps: 30, Size: 64x64", "", "Steps: 30, Size: 64x64"),
    ],
)  # fmt: skip
def test_a_prompt_ends_where_the_settings_begin(text: str, prompt: str, settings: str) -> None:
    assert split_parameters(text) == (prompt, settings)
    described = describe([Image.open(io.BytesIO(to_png(Image.new("L", (9, 9)), parameters=text)))])
    assert (f'"{" ".join(prompt.split())}"' in described) == bool(prompt)
    assert ("Settings stored with it" in described) == bool(settings)


def test_vision_counts_frames_and_takes_several_pictures() -> None:
    frames = [Image.new("RGB", (8, 8), shade) for shade in ("red", "lime", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    described = describe([Image.open(buffer), Image.new("RGB", (8, 16), "white")])
    assert "Picture 1: It measures 8 x 8 pixels (square, animated with 3 frames)" in described
    assert "Picture 2: It measures 8 x 16 pixels (portrait format)" in described
    assert "bright (100%)" in described
