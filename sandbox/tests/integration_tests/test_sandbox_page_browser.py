"""The sandbox's page in a real browser: Chromium of the machine's own."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from visioncraft_sandbox import Sandbox

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")

# For busy machines; waiting ends as soon as the condition holds.
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        # Containers have no user namespaces, which Chromium's own sandbox needs.
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def watched() -> Iterator[Sandbox]:
    with Sandbox(models=False) as running:
        yield running


@pytest.fixture
def page(browser: Browser, watched: Sandbox) -> Iterator[Page]:
    """A connected page, which must log nothing to the console."""
    complaints: list[str] = []
    opened = browser.new_page(viewport={"width": 360, "height": 740})
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(watched.url)
    expect(opened.locator("#connection-text")).to_have_text("live")
    yield opened
    opened.close()
    assert complaints == []


def draw(watched: Sandbox, prompt: str, **body: object) -> None:
    sent = {"token": "k", "prompt": prompt, "model": "sdxl-base", "width": 64, "height": 64}
    httpx.post(f"{watched.url}/sd", json={**sent, **body}, timeout=30)


def test_requests_appear_as_they_happen_and_are_filtered(watched: Sandbox, page: Page) -> None:
    entries = page.locator(".entries > li")
    expect(page.get_by_text("No requests yet")).to_be_visible()
    draw(watched, "A <b>kite</b>")
    expect(entries).to_have_count(1)
    expect(entries.first.locator(".title")).to_have_text("A <b>kite</b>")
    expect(page.get_by_text("No requests yet")).to_be_hidden()
    picture = entries.first.locator(".out img")
    expect(picture).to_have_js_property("naturalWidth", 64)
    draw(watched, "A cat", width=1)
    expect(entries).to_have_count(2)
    expect(page.locator(".summary")).to_have_text("2 requests · 1 failed")
    page.get_by_label("Failures only").check()
    expect(entries).to_have_count(1)
    assert "failed=1" in page.url
    expect(page.get_by_label("Failures only")).to_be_focused()
    draw(watched, "A dog", height=1)
    expect(entries).to_have_count(2)
    expect(entries.first.locator(".title")).to_have_text("A dog")


def test_a_form_is_filled_in_and_sent(page: Page, pictures: Path) -> None:
    page.get_by_role("heading", name="Try it").click()
    page.get_by_label("Width", exact=True).fill("64")
    page.get_by_label("Height", exact=True).fill("64")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#result")).to_have_text("/sd answered 200.")
    page.get_by_label("Capability").select_option("Make a video")
    page.get_by_label("Image", exact=True).set_input_files(pictures / "cat.png")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#result")).to_have_text("/img2video answered 200.")
    video = page.locator(".entries > li").first.locator("video")
    expect(video).to_have_js_property("videoWidth", 256)
    page.locator(".entries > li").first.get_by_text("Request and answer").click()
    expect(page.locator(".entries > li").first.locator("pre").first).to_contain_text('"***"')


def test_without_scripts_forms_and_filters_still_work(watched: Sandbox, browser: Browser) -> None:
    opened = browser.new_page(java_script_enabled=False)
    opened.goto(watched.url)
    opened.get_by_label("Width", exact=True).fill("64")
    opened.get_by_label("Height", exact=True).fill("64")
    opened.get_by_role("button", name="Send").click()
    expect(opened.locator(".entries > li")).to_have_count(1)
    opened.get_by_label("Failures only").check()
    opened.get_by_role("button", name="Filter").click()
    expect(opened.get_by_text("No request matches this filter.")).to_be_visible()
    opened.close()


def test_a_page_finds_its_sandbox_again(browser: Browser) -> None:
    with Sandbox(models=False) as first:
        port = int(first.url.rpartition(":")[2])
        opened = browser.new_page()
        opened.goto(first.url)
        draw(first, "A cat")
        expect(opened.locator(".entries > li")).to_have_count(1)
    expect(opened.locator("#connection-text")).to_have_text("not connected; trying again")
    with Sandbox(models=False, port=port) as second:
        expect(opened.locator("#connection-text")).to_have_text("live")
        expect(opened.locator(".entries > li")).to_have_count(0)
        draw(second, "A dog")
        expect(opened.locator(".entries .title")).to_have_text(["A dog"])
        opened.close()


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_overflows_and_every_control_has_a_name(
    watched: Sandbox, browser: Browser, width: int
) -> None:
    draw(watched, "A-very-long-word-" * 20)
    opened = browser.new_page(viewport={"width": width, "height": 740})
    opened.goto(watched.url)
    expect(opened.locator("#connection-text")).to_have_text("live")
    assert opened.evaluate("document.documentElement.scrollWidth") == width
    tree = opened.locator("body").aria_snapshot()
    for landmark in ("main", "complementary", "search", "contentinfo"):
        assert f"- {landmark}" in tree
    # A control without a name stands alone on its line.
    assert not re.findall(r"- (?:button|textbox|combobox|checkbox|link)(?::|$)", tree, re.MULTILINE)
    opened.close()
