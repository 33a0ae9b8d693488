"""Decodes answers by their actual content, not by what the documents or headers promise."""

from __future__ import annotations

import io
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from langchain_visioncraft._redact import shortened
from langchain_visioncraft.client.answers import is_error, said_in, service_message
from langchain_visioncraft.client.flow import Answer, Flow, fetch
from langchain_visioncraft.client.refusals import error_under_200
from langchain_visioncraft.client.states import UNFINISHED, outcome_of, status_of
from langchain_visioncraft.client.transcripts import Transcript
from langchain_visioncraft.errors import (
    AnswerTooLargeError,
    MediaInputError,
    ResponseError,
    TaskFailedError,
    TruncatedAnswerError,
    UnexpectedAnswerError,
    VisionCraftError,
)
from langchain_visioncraft.media.inputs import is_link, parse_source
from langchain_visioncraft.media.inspection import media_info, truncation_of, type_of
from langchain_visioncraft.media.media import Media
from langchain_visioncraft.media.places import HeldBytes
from langchain_visioncraft.media.sniff import EXTENSIONS, kind_of

ErrorT = TypeVar("ErrorT", bound=VisionCraftError)

_FILE_FIELDS = (
    *("images", "b64_json", "base64", "URL", "url", "image_url", "image", "gif", "video"),
    *("result", "output", "urls", "data"),
)
"""The keys of files and of links to them; the first that has one counts."""
_LIKE_A_FILE_FIELD = re.compile(
    r"ima?ge?|pic|photo|video|movie|gif|file|media|asset|download|result|output|sample|artifact"
    r"|signed|src|href|b64|base64",
    re.IGNORECASE,
)
_LIKE_A_FILE = re.compile(r"\.(?:png|jpe?g|gif|webp|avif|mp4|mov|webm)(?:[?#]|$)", re.IGNORECASE)
_SHORTEST_FILE, _SHORTEST_JPEG = 32, 128
"""Characters of base64."""
_DEEPEST = 16
_MOST_FILES = 64
"""The limit for one answer; documented endpoints return five at most."""
_LONGEST_LINK = 4096
_LONGEST_ID = 1000
_LONGEST_REFUSAL = 1 << 16
_LONGEST_JSON = 16 << 20
_MOST_VALUES, _MOST_IN_LONG = 1 << 20, 1 << 16
"""The limits for values in JSON, and in long JSON: base64 files are few values; small ones take
20 times the memory."""
_LIKE_A_LINK = re.compile(r"(?=\S+$)(?:/|.*[./]\w|.*://)")


class Caption(str):
    """A caption: a text that also names the engine that wrote it.

    ```python
    from langchain_visioncraft.client.decode import Caption

    caption = Caption("A cat.", engine="vision (…)")
    assert caption == "A cat."
    assert caption.engine == "vision (…)"
    ```

    Attributes:
        engine: What answered, if the host names it (``x-visioncraft-engine``, as the sandbox does):
            the requested model is not always the one that answers.
    """

    __slots__ = ("engine",)

    engine: str | None

    def __new__(cls, text: str, engine: str | None = None) -> Self:
        """A caption from its text."""
        caption = super().__new__(cls, text)
        caption.engine = engine
        return caption


def media_from(answer: Answer, kinds: Iterable[str] = ("image",)) -> Flow[list[Media]]:
    """The media of an answer, of these kinds: its bytes, or what its links lead to.

    Raises `TruncatedAnswerError` if it is empty or cut off, `UnexpectedAnswerError` if it holds no
    media, `AnswerTooLargeError` if it holds more than 64, and `APIStatusError` if it is an error
    under 200.
    """
    if is_file(answer):
        return [_medium(answer, tuple(kinds))]
    decoded = json_with_links(answer)
    media = yield from media_in(decoded, answer, kinds)
    if not media:
        raise _without_a_file(answer, decoded)
    return media


def media_in(decoded: Any, answer: Answer, kinds: Iterable[str] = ("image",)) -> Flow[list[Media]]:
    """The media in the decoded JSON of an answer, or what its links lead to; there may be none."""
    kinds, media = tuple(kinds), []
    seed = decoded.get("seed") if isinstance(decoded, Mapping) else None
    files = list(itertools.islice(_files_in(decoded, answer), _MOST_FILES + 1))
    if len(files) > _MOST_FILES:
        what = f"answered with more than {_MOST_FILES} files or links to files, the limit of one"
        raise _error(AnswerTooLargeError, answer, f"{what} answer. None was fetched.")
    for found in files:
        file: Answer = (
            found if isinstance(found, _Embedded) else (yield from fetch(found, answer.endpoint))
        )
        medium = _medium(file, kinds)
        media.append(medium.model_copy(update={"seed": seed}) if type(seed) is int else medium)
    return media


def is_file(answer: Answer) -> bool:
    """Whether the body is a picture, video or recording."""
    return _type_of(answer) in EXTENSIONS


def job_in(answer: Answer) -> str | None:
    """The id of the job that an answer promises instead of a file.

    Raises `TaskFailedError` if it names none, as busy hosts have done.
    """
    if answer.size > _LONGEST_REFUSAL or _type_of(answer) != "application/json":
        return None
    decoded = json_with_links(answer)
    if not isinstance(decoded, Mapping) or "job_id" not in decoded:
        return None
    if next(_files_in(decoded, answer), None) is not None:
        return None
    if (job := id_in(decoded["job_id"])) is not None:
        return None if status_of(decoded) in UNFINISHED else job
    raise _error(TaskFailedError, answer, "accepted no job. Try again later.")


def id_in(given: Any) -> str | None:
    """The id of a job or a task; ``None`` for what is none, or too long to be one."""
    name = str(given) if isinstance(given, int | str) else ""
    return name if 0 < len(name) <= _LONGEST_ID and name.isprintable() else None


def _without_a_file(answer: Answer, decoded: Any) -> VisionCraftError:
    decoded = answer.redact.told(decoded)
    status = status_of(decoded)
    if status in UNFINISHED:
        return _error(TruncatedAnswerError, answer, f"ended its answer while it was {status}.")
    if status is not None and status not in ("success", "ok"):  # the documents name no failure
        words = said_in(decoded).message or f"it ended with the status {decoded['status']!r}"
        facts = {"endpoint": answer.endpoint, "base_url": answer.base_url}
        return error_under_200({**decoded, "error": words}, **facts) or _unexpected(answer, words)
    return _unexpected(answer, "without a file or a link to one", decoded)


class _Embedded(HeldBytes):
    """A file in base64 inside an answer."""

    def __init__(self, data: bytes, answer: Answer) -> None:
        super().__init__(data)
        self.endpoint, self.base_url = answer.endpoint, answer.base_url
        self.size = len(data)
        self.mime_type = type_of(data)
        self.engine: str | None = None
        self.redact = answer.redact


def _embedded(text: str, answer: Answer) -> _Embedded | None:
    """The file that this text holds as base64 or a data URL; ``None`` if it holds none."""
    # In base64, a JPEG begins like a path; but no file is as short as a path.
    shortest = _SHORTEST_JPEG if text.startswith("/") else _SHORTEST_FILE
    if len(text) < shortest or is_link(text):
        return None
    try:
        with parse_source(text).open() as file:
            data = file.read()
    except MediaInputError:
        return None
    embedded = _Embedded(data, answer)
    return embedded if embedded.mime_type in EXTENSIONS else None


def json_from(answer: Answer) -> Any:
    """The decoded JSON of an answer, without the key; text that is not JSON stays text.

    All of a host's words that get into a result are read here. Raises the same errors as
    `json_with_links`.
    """
    return answer.redact.told(json_with_links(answer))


def json_with_links(answer: Answer) -> Any:
    """The same without redaction: links to be followed may need the key.

    Of several states in one body (`langchain_visioncraft.client.states`), only the decisive one is
    returned.

    Raises:
        AnswerTooLargeError: If it is longer than 16 MiB, not counting the files in it, or holds
            more than a million values.
        APIStatusError: If it is an error under status 200.
        TruncatedAnswerError: If it is empty, or JSON that was cut off.
        UnexpectedAnswerError: If it is HTML or binary data.
    """
    mime = _type_of(answer)
    if mime not in ("application/json", "text/plain"):
        raise _unexpected(answer, f"with {mime or 'unknown data'}")
    with answer.open() as file:
        body = file.read()
    most = _MOST_VALUES if len(body) <= _LONGEST_JSON else _MOST_IN_LONG
    if len(body) > most and sum(map(body.count, (b",", b"[", b"{"))) > most:
        what = (
            f"returned {len(body):,} bytes of JSON or text, with more than {most:,} values. More "
            f"than {_LONGEST_JSON:,} bytes are accepted only if they contain files. Request less."
        )
        raise _error(AnswerTooLargeError, answer, what)
    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError) as error:
        decoded = text = body.decode("utf-8", "replace").strip()
        if mime == "application/json":
            decoded = outcome_of(text)
        if decoded is None:
            what = "returned JSON that is damaged or cut off."
            raise _error(TruncatedAnswerError, answer, what) from error
    if is_error(decoded):
        said = answer.redact.told(decoded)
        failure = error_under_200(said, endpoint=answer.endpoint, base_url=answer.base_url)
        if failure is not None:
            raise failure
    return decoded


def check_refusal(answer: Answer) -> None:
    """Raise the error that a JSON answer under status 200 holds, if it does."""
    if answer.size <= _LONGEST_REFUSAL and _type_of(answer) == "application/json":
        json_from(answer)


def names_from(answer: Answer) -> list[str]:
    """A list of names: a JSON array of names, or of objects that have one."""
    decoded = json_from(answer)
    if isinstance(decoded, Mapping) and isinstance(decoded.get("data"), list):
        decoded = decoded["data"]  # as OpenAI lists models
    if isinstance(decoded, Mapping) and len(decoded) <= 3:
        lists = [value for value in decoded.values() if isinstance(value, list)]
        decoded = lists[0] if len(lists) == 1 else decoded
    if isinstance(decoded, list):
        names = [_name(item) for item in decoded]
        found = [name for name in names if name]
        if len(found) == len(decoded):
            return found
    raise _unexpected(answer, "with something that is not a list of names", decoded)


def text_from(answer: Answer) -> str:
    """The text of a chat answer, in every form that hosts have used.

    ``choices[].message.content`` (also in parts), ``{role, content}``, ``{text}``, ``{response}``,
    ``{result}``, or a bare string.
    """
    decoded = _words_from(answer)
    candidate = decoded
    if isinstance(candidate, Mapping) and (choices := candidate.get("choices")):
        candidate = choices[0] if isinstance(choices, list) else choices
    for _ in range(3):
        if isinstance(candidate, list):  # of content parts
            texts = (part.get("text") for part in candidate if isinstance(part, Mapping))
            candidate = "".join(text for text in texts if isinstance(text, str)) or None
        if not isinstance(candidate, Mapping):
            break
        names = ("message", "content", "text", "response", "result", "answer")
        given = [candidate[name] for name in names if candidate.get(name) is not None]
        candidate = next(filter(None, given), given[0] if given else None)
    if isinstance(candidate, str):
        return candidate
    raise _unexpected(answer, "without a text", decoded)


def _words_from(answer: Answer) -> Any:
    """The decoded JSON of an answer, but a bare ``42`` or ``true`` is a text."""
    decoded = json_from(answer)
    if isinstance(decoded, Mapping | list | str):
        return decoded
    with answer.open() as file:
        return answer.redact.told(file.read().decode("utf-8", "replace").strip())


def transcript_from(answer: Answer) -> Transcript:
    """The transcript in an answer: Whisper's JSON, or the bare text."""
    decoded = _words_from(answer)
    if isinstance(decoded, str):
        decoded = {"text": decoded}
    if isinstance(decoded, Mapping):
        if decoded.get("text") is None and decoded.get("segments"):
            decoded = {**decoded, "text": ""}
        if isinstance(decoded.get("text"), str):
            return Transcript.model_validate(decoded)
    raise _unexpected(answer, "without a text", decoded)


def _medium(answer: Answer, kinds: tuple[str, ...]) -> Media:
    mime = _type_of(answer)
    if mime not in EXTENSIONS or kind_of(mime) not in kinds:
        words = json_from(answer) if mime in ("application/json", "text/plain") else None
        raise _unexpected(answer, f"with {mime or 'unknown data'}", words)
    with answer.open() as file:
        if missing := truncation_of(file, mime, answer.size):
            what = f"returned a file that is cut off: {missing}."
            raise _error(TruncatedAnswerError, answer, what)
        info = media_info(file, mime)
        holder = HeldBytes(file.getvalue()) if isinstance(file, io.BytesIO) else answer
    return Media.holding(holder, mime_type=mime, size=answer.size, info=info)


def _type_of(answer: Answer) -> str | None:
    if not answer.size:
        raise _error(TruncatedAnswerError, answer, "returned an empty answer. Try again.")
    return answer.mime_type


def _files_in(
    decoded: Any, answer: Answer, name: str = _FILE_FIELDS[0], depth: int = 0
) -> Iterator[str | _Embedded]:
    """The files and the links to files in a decoded answer, under any key that hosts use."""
    if isinstance(decoded, str):
        embedded = _embedded(decoded, answer)
        if embedded is not None:
            yield embedded
        elif _is_link_to_file(decoded, name):
            yield decoded
    elif isinstance(decoded, list) and depth < _DEEPEST:
        for item in decoded:
            yield from _files_in(item, answer, name, depth + 1)
    elif isinstance(decoded, Mapping) and depth < _DEEPEST:
        for each in sorted(decoded, key=_rank):
            if found := list(_files_in(decoded[each], answer, each, depth + 1)):
                yield from found
                return


def _rank(name: str) -> int:
    """The rank of a field in the search of an answer: fields known to hold files come first."""
    if name in _FILE_FIELDS:
        return _FILE_FIELDS.index(name)
    return len(_FILE_FIELDS) + (not _LIKE_A_FILE_FIELD.search(name))


def _is_link_to_file(text: str, name: str) -> bool:
    if is_link(text):
        return _rank(name) <= len(_FILE_FIELDS) or bool(_LIKE_A_FILE.search(text))
    # A sentence is not a link; neither is any other word in an unknown field.
    known = name in _FILE_FIELDS and len(text) <= _LONGEST_LINK
    return known and bool(_LIKE_A_LINK.match(text))


def _name(item: Any) -> str | None:
    if isinstance(item, Mapping):
        item = item.get("name") or item.get("id") or item.get("title") or item.get("model")
    return item if isinstance(item, str) else None


def _unexpected(answer: Answer, what: str, decoded: Any = None) -> ResponseError:
    says = None
    if kind_of(_type_of(answer)) == "text":
        with answer.open() as file:
            says = service_message(answer.redact.beginning(file))
    if decoded is not None and says is None:
        says = shortened(json.dumps(decoded), 200)
    hint = f" ({says})" if says else ""
    advice = f"Is {answer.base_url} really the root of a VisionCraft host, and is the service up?"
    what = f"answered with status 200 {what}{hint}. {advice}"
    return _error(UnexpectedAnswerError, answer, what, detail=says)


def _error(kind: type[ErrorT], answer: Answer, what: str, **more: Any) -> ErrorT:
    place = f"{answer.endpoint} on {urlsplit(answer.base_url).netloc}"
    return kind(f"{place} {what}", **facts_of(answer), **more)


def facts_of(answer: Answer) -> dict[str, Any]:
    """The facts of an error about this answer."""
    return {"status": 200, "endpoint": answer.endpoint, "base_url": answer.base_url}
