"""The sandbox's page over HTTP: what it shows, what it hides, and who may see it."""

from __future__ import annotations

import base64
import contextlib
import html
import json
import re
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from sandbox_pages import HTML, KEY, MEDIUM, draw, items, page
from visioncraft_sandbox import Fault, Sandbox, hiding

OWN = "own/key+of 'sandbox' 9f8e7d"


def test_a_client_that_does_not_accept_html_gets_the_plain_page(client: httpx.Client) -> None:
    with Sandbox(models=False, page=False) as plain:
        assert client.get("/").text == httpx.get(plain.url).text
        assert client.get("/", headers={"accept": "application/json"}).text == client.get("/").text
        assert "Try it" not in httpx.get(plain.url, headers=HTML).text
        assert httpx.get(f"{plain.url}/page/journal").status_code == 404


def test_an_empty_page_says_what_to_do(watched: Sandbox, client: httpx.Client) -> None:
    text = page(client)
    assert "No requests yet" in text
    assert f'VISIONCRAFT_BASE_URL=<wbr><span class="whole">{watched.url}</span>' in text
    assert items(text) == 0


def test_a_request_is_shown_with_its_answer_and_without_the_key(client: httpx.Client) -> None:
    png = draw(client, f"A cat, says {KEY}").content
    text = page(client)
    assert KEY not in text
    for shown in ("POST", "/sd", "A cat, says ***", "sdxl-base", "drawing (Pillow, OpenMoji)"):
        assert shown in text
    [url] = MEDIUM.findall(text)
    medium = client.get(url)
    assert (medium.content, medium.headers["content-type"]) == (png, "image/png")
    [entry] = re.findall(r'hx-get="(/page/entry/[^"]+)"', text)
    for headers in ({"hx-request": "true"}, HTML):
        detail = client.get(entry, headers=headers).text
        assert KEY not in detail
        assert "&#34;token&#34;: &#34;***&#34;" in detail


@pytest.mark.parametrize(
    "target", [f"/limits/?hf_token={KEY}", f"/limits/?page=2&sig={KEY}", f"/files/{KEY}/"]
)
def test_a_redirect_shows_no_key(client: httpx.Client, target: str) -> None:
    assert KEY in client.get(target).headers["location"]
    [entry] = re.findall(r'hx-get="(/page/entry/[^"]+)"', page(client))
    detail = client.get(entry).text
    assert "location" in detail
    assert KEY not in detail


def test_headers_of_an_answer_show_no_key(watched: Sandbox, client: httpx.Client) -> None:
    watched.faults.inject(Fault(endpoint="GET /limits", headers={"x-api-key": KEY, "x-page": "2"}))
    client.get("/limits")
    [entry] = re.findall(r'hx-get="(/page/entry/[^"]+)"', page(client))
    detail = client.get(entry).text
    assert "x-page" in detail
    assert KEY not in detail


SPELLINGS = [
    OWN,
    OWN.upper(),
    quote(OWN, safe=""),
    quote(quote(OWN, safe=""), safe=""),
    "".join(f"%{byte:02x}" for byte in OWN.encode()),
    "".join(f"&#{ord(letter)};" for letter in OWN),
    html.escape(OWN),
    json.dumps(OWN)[1:-1],
    "".join(f"\\u{ord(letter):04x}" for letter in OWN),
    json.dumps("".join(f"\\u{ord(letter):04x}" for letter in OWN))[1:-1],
    "".join(f"\\x{ord(letter):02x}" for letter in OWN),
]
"""The sandbox's key, as it may be written in prose."""


@pytest.mark.parametrize("spelt", SPELLINGS)
def test_the_key_of_the_sandbox_is_not_shown_however_it_is_written(spelt: str) -> None:
    with Sandbox(models=False, keys=[OWN]) as sandbox:
        with httpx.Client(base_url=sandbox.url, auth=("any", OWN), timeout=30) as client:
            long = f"{'x' * 70} {spelt} {'y' * 3000}"
            headers = {"x-note": f"It is {spelt}.", "authorization": "Bearer none"}
            prompt = f"They say {spelt}, always"
            body = {"token": "none", "prompt": prompt, "a": long, spelt: 1}
            client.post("/sd", json=body, headers=headers)
            client.get("/limits/", params={"note": spelt}, headers=headers)
            text = page(client)
            assert items(text) == 2
            for entry in re.findall(r'hx-get="(/page/entry/[^"]+)"', text):
                text += client.get(entry, headers=HTML).text
        kept = "".join(f"{each} {each.body}" for each in sandbox.requests)
    assert "They say ***, always" in text
    assert "They say ***, always" in kept
    for shown in (text, html.unescape(text), kept):
        assert OWN not in shown
        assert spelt not in shown


def test_the_page_is_not_recorded_and_not_affected_by_faults(
    watched: Sandbox, client: httpx.Client
) -> None:
    watched.faults.inject(Fault(endpoint="*", status=503, times=None))
    assert items(page(client)) == 0
    assert client.get("/page/static/page.css").status_code == 200
    assert not watched.requests


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        ("POST /sd status=503", ("503", "The server is overloaded.", "POST /sd status=503")),
        ("POST /sd hang_up=mid-body", ("200, cut short", "closed after", "hang_up=mid-body")),
        ("POST /sd hang_up=before", ("no answer", "before any answer", "hang_up=before")),
        ('POST /sd body=\'{"error": "Not today."}\'', ("200", "Not today.", "body=")),
        ("POST /sd html=true", ("502", "&lt;h1&gt;502 Bad Gateway&lt;/h1&gt;")),
    ],
    ids=["status", "mid-body", "before", "error-under-200", "html"],
)
def test_faults_are_shown(
    watched: Sandbox, client: httpx.Client, fault: str, shown: tuple[str, ...]
) -> None:
    draw(client)
    watched.faults.inject(fault)
    with contextlib.suppress(httpx.RemoteProtocolError):  # of those that hang up
        draw(client)
    text = page(client, "?failed=1")
    assert items(text) == 1
    for each in shown:
        assert each in text
    assert items(page(client)) == 2


def test_entries_are_filtered_by_endpoint_and_by_failure(client: httpx.Client) -> None:
    draw(client)
    draw(client, width=1)
    client.get("/limits")
    client.get("/files/none.png")
    assert items(page(client)) == 4
    assert items(page(client, "?failed=1")) == 2
    assert items(page(client, "?endpoint=POST+/sd")) == 2
    assert items(page(client, "?endpoint=POST+/sd&failed=1")) == 1
    assert items(page(client, "?endpoint=GET+/files/%7Bname%7D")) == 1
    answer = client.get("/page/journal?endpoint=POST+/sd")
    assert items(answer.text) == 2
    assert answer.headers["hx-push-url"] == "/?endpoint=POST+/sd"
    assert "No request matches" in page(client, "?endpoint=POST+/whisper")


def test_a_large_body_is_not_kept_and_the_page_says_so(pictures: Path) -> None:
    with Sandbox(models=False, page_bytes=4000) as small:
        with httpx.Client(base_url=small.url) as client:
            image = base64.b64encode((pictures / "cat.png").read_bytes()).decode()
            client.post("/img2video", json={"token": "", "image": image})
            text = page(client)
        assert "The body of the request (101 kB) is not kept" in text
        assert not MEDIUM.findall(text)


def test_a_body_of_very_many_values_is_not_read(client: httpx.Client) -> None:
    assert client.post("/sd", json={"prompt": [0] * 10_001}).status_code == 401
    assert "more than 10,000 values: not shown" in page(client)


def test_the_answer_is_protected(client: httpx.Client) -> None:
    draw(client)
    answer = client.get("/", headers=HTML)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert not re.search(
        r"<style|<script>|\sstyle=|\son\w+=|https?://(?!127\.0\.0\.1)", answer.text
    )
    [url] = MEDIUM.findall(answer.text)
    medium = client.get(url)
    assert "sandbox" in medium.headers["content-security-policy"]
    assert medium.headers["x-content-type-options"] == "nosniff"


def test_media_are_served_in_parts_until_their_entry_is_dropped(client: httpx.Client) -> None:
    png = draw(client).content
    [url] = MEDIUM.findall(page(client))
    part = client.get(url, headers={"range": "bytes=0-7"})
    assert (part.status_code, part.content) == (206, png[:8])
    mark = url.split("/")[3]
    assert client.get(url.replace(mark, "00000000")).status_code == 404
    assert client.get(url.replace("/out/0", "/out/7")).status_code == 410
    assert client.get(url.replace("/out/0", "/up/0")).status_code == 404
    assert client.get(url.replace("/1/out", "/99/out")).status_code == 404


def test_a_gif_has_a_still_for_reduced_motion(client: httpx.Client) -> None:
    client.post("/text2gif", json={"token": KEY, "prompt": "A boat"})
    text = page(client)
    [url] = MEDIUM.findall(text)
    assert client.get(url).headers["content-type"] == "image/gif"
    assert f'srcset="{url}?still=1"' in text
    assert client.get(f"{url}?still=1").headers["content-type"] == "image/png"


def test_there_is_a_still_only_of_pictures(client: httpx.Client, pictures: Path) -> None:
    video = base64.b64encode((pictures / "cat.mp4").read_bytes()).decode()
    client.post("/whisper", json={"token": KEY, "audio": video})
    [url] = MEDIUM.findall(page(client))
    assert client.get(f"{url}?still=1").status_code == 415


def test_a_foreign_name_for_this_machine_is_refused(watched: Sandbox) -> None:
    for path in ("/", "/page/events", "/page/journal"):
        answer = httpx.get(f"{watched.url}{path}", headers={**HTML, "host": "evil.example"})
        assert answer.status_code == 421
        assert "--allowed-host" in answer.text
    assert httpx.get(f"{watched.url}/limits", headers={"host": "evil.example"}).status_code == 421


def test_another_site_may_link_to_the_page_but_not_embed_it(client: httpx.Client) -> None:
    here = {**HTML, "sec-fetch-site": "cross-site"}
    assert client.get("/", headers={**here, "sec-fetch-mode": "navigate"}).status_code == 200
    assert client.get("/page/events", headers={**here, "sec-fetch-mode": "cors"}).status_code == 403


def test_with_keys_the_page_requires_one() -> None:
    with Sandbox(models=False, keys=[KEY]) as locked:
        assert httpx.get(locked.url, headers=HTML).status_code == 401
        assert httpx.get(f"{locked.url}/page/events", auth=("me", "wrong")).status_code == 401
        with httpx.Client(base_url=locked.url, auth=("me", KEY), headers=HTML) as client:
            form = {"prompt": "A cat", "model": "sdxl-base", "width": "64", "height": "64"}
            sent = client.post(
                "/page/try/draw",
                files={name: (None, value) for name, value in form.items()},
                headers={"origin": locked.url},
            )
            assert sent.status_code == 303
            text = page(client)
        assert KEY not in text
        assert '<span class="status">200</span>' in text


# Forms


def test_the_page_does_not_wait_until_large_bodies_are_read(client: httpx.Client) -> None:
    for _ in range(3):
        client.post("/img2img", json={"token": KEY, "prompt": "Snow", "image": "A" * 150_000})
    text = page(client)
    assert text.count("Snow") == 1
    assert KEY not in text
    later = re.findall(r'hx-get="(/page/item/[^"]+)" hx-trigger="load" hx-swap="outerHTML"', text)
    assert len(later) == 2
    for url in later:
        item = client.get(url).text
        assert "Snow" in item
        assert 'hx-trigger="load"' not in item
    assert page(client).count("Snow") == 3


def test_an_item_is_read_and_written_once(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(client)
    page(client)
    monkeypatch.setattr("visioncraft_sandbox.page.views.read", None)
    assert items(page(client)) == 1


@pytest.mark.parametrize("header", [b"Basic \xff", b"Basic abc", b"basic \xff:\xfe"])
def test_a_header_that_cannot_be_decoded_breaks_nothing(
    client: httpx.Client, header: bytes
) -> None:
    headers = [(b"authorization", header), (b"cookie", b"\xff"), (b"referer", b"http://[::1")]
    assert client.get("/limits", headers=headers).status_code == 200
    assert items(page(client)) == 1
    with Sandbox(models=False, keys=[KEY]) as keyed:
        signed_in = httpx.get(keyed.url, headers=[*HTML.items(), ("authorization", header)])
        assert signed_in.status_code == 401


def test_a_request_that_cannot_be_read_does_not_hide_the_others(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    draw(client)

    def fail(path: str, _: object) -> str:
        raise ValueError(path)

    monkeypatch.setattr(hiding, "shown_path", fail)
    draw(client)
    text = page(client)
    assert items(text) == 2
    assert "The page could not read this request" in text
    assert "The page could not read a request" in caplog.text


@pytest.mark.parametrize("number", ["9" * 5000, "x", "-1", "\N{SUPERSCRIPT TWO}", "1.0"])
def test_the_page_has_nothing_under_odd_numbers(client: httpx.Client, number: str) -> None:
    for path in (f"entry/x/{number}", f"item/x/{number}", f"media/x/{number}/in/0"):
        assert client.get(f"/page/{path}").status_code == 404
    draw(client)
    [url] = MEDIUM.findall(page(client))
    assert client.get(f"{url.rpartition('/')[0]}/{number}").status_code == 404
