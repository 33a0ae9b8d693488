"""How both clients do the steps of a flow: calls with their retries, links with their checks.

The steps are done by generators, which yield methods of the client, sync or async, with their
arguments.
"""

from __future__ import annotations

import contextlib
import logging
import time
import weakref
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import urljoin, urlsplit

from pydantic import SecretStr

from langchain_visioncraft import errors
from langchain_visioncraft._redact import BEGINNING_BYTES, forget_locals, shortened
from langchain_visioncraft.client import links
from langchain_visioncraft.client.base import BaseClient
from langchain_visioncraft.client.flow import (
    Call,
    Fetch,
    Pause,
    Progress,
    Step,
    is_retryable,
    retry_wait,
)
from langchain_visioncraft.client.outgoing import JSONBody, Outgoing
from langchain_visioncraft.client.refusals import redirected, status_error
from langchain_visioncraft.client.spool import LocalError, Spool
from langchain_visioncraft.client.states import StateWatch
from langchain_visioncraft.client.translation import timed_out, translate
from langchain_visioncraft.client.watching import Watch, checked_deadline, current, watching
from langchain_visioncraft.media.urls import splittable
from langchain_visioncraft.version import __version__

if TYPE_CHECKING:
    from tenacity import RetryCallState, Retrying

logger = logging.getLogger(__name__)

_HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "User-Agent": f"langchain-visioncraft/{__version__}",
}

ServedT = TypeVar("ServedT")
Serving: TypeAlias = Generator[Callable[[], Any], Any, ServedT]


@dataclass
class Run:
    """One run of a flow: its progress callback, the folder for long answers, its deadline.

    It records the endpoint, for messages; the total bytes of linked files; and the outcome.
    """

    on_progress: Callable[[Progress], Any] | None
    folder: Path | None
    watch: Watch
    endpoint: str = "The call"
    linked: int = 0
    spools: weakref.WeakSet[Spool] = field(default_factory=weakref.WeakSet)


class ServingClient(BaseClient):
    """A client that decides what to do for each step, and leaves the waiting to its driver."""

    # Each driver implements these in its own way.
    _given: str  # the attribute with the user's own HTTP client
    _open: Any
    _sleep: Any
    _report: Any
    _resolve: Any
    _send: Any
    _wait_for_turn: Any

    def http(self) -> Any:
        """The HTTP client of this process, made at the first call."""
        if (given := getattr(self, self._given)) is not None:
            return given
        if self._lender is not None:
            return self._lender.http()
        with self._own_lock():  # after a fork, parent and child must not share connections
            if self._http is None:
                self._http = self._open()
            return self._http

    @contextlib.contextmanager
    def running(
        self,
        on_progress: Callable[[Progress], Any] | None,
        folder: Path | None,
        deadline: float | None,
    ) -> Iterator[Run]:
        """Wraps a flow: a failed one leaves no files behind, and its error holds no key."""
        seconds = self.deadline if deadline is None else checked_deadline(deadline)
        with watching(seconds) as watch:
            run = Run(on_progress, folder, watch)
            try:
                yield run
            except BaseException as error:
                for spool in run.spools:
                    spool.discard()
                if isinstance(error, errors.VisionCraftError):
                    self.without_key(error)
                forget_locals(error)  # whoever raised it: the frames of a request hold the key
                raise

    def serve(self, step: Step, run: Run) -> Serving[Spool | float | None]:
        """Do one step of a flow."""
        if isinstance(step, Call | Fetch):
            run.endpoint = step.endpoint
            called: Any = self._called if isinstance(step, Call) else self._fetched
            spool: Spool = yield from self.retried(
                partial(called, step, run), download=isinstance(step, Fetch)
            )
            run.spools.add(spool)
            return spool
        if isinstance(step, Pause):
            yield partial(self._sleep, step.seconds)
            return time.monotonic() - run.watch.began
        said, facts = self.redactor().told([step.message, dict(step.details)])
        yield partial(self._report, Progress(said, step.elapsed, facts), run)
        return None

    def retried(
        self, attempt: Callable[[], Serving[ServedT]], *, download: bool = False
    ) -> Serving[ServedT]:
        """Do this, and repeat it after transient failures, at most `max_retries` times."""
        policy: Retrying | None = None
        while True:
            try:
                return (yield from attempt())
            except errors.VisionCraftError as error:
                self.without_key(error)  # before it is logged
                if policy is None:  # few calls need one
                    policy, state = self._policy(download=download)
                state.set_exception((type(error), error, error.__traceback__))
            wait = policy.iter(state)  # raises the last failure
            state.prepare_for_next_attempt()
            yield partial(self._sleep, wait)

    def _policy(self, *, download: bool) -> tuple[Retrying, RetryCallState]:
        """The policy that decides whether and when to retry; the drivers do the waiting."""
        import tenacity  # noqa: PLC0415 -- slow

        def again(state: RetryCallState) -> bool:
            error = _failure(state)
            worth = is_retryable(error, after_timeout=self.retry_after_timeout, download=download)
            return worth and not current().is_over

        def wait(state: RetryCallState) -> float:
            return current().left(retry_wait(_failure(state), _backoff(state))) or 0.0

        def log(state: RetryCallState) -> None:
            logger.info("trying again in %.1f s after: %s", state.upcoming_sleep, _failure(state))

        policy = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.settings.max_retries + 1),
            retry=again,
            wait=wait,
            before_sleep=log,
            reraise=True,
        )
        policy.begin()
        return policy, tenacity.RetryCallState(policy, None, (), {})

    def check_time(self, run: Run) -> None:
        """Raise `TimedOutError` if the deadline of a flow has passed."""
        if run.watch.is_over:
            raise timed_out(self.facts(run.endpoint))

    def _called(self, call: Call, run: Run) -> Serving[Spool]:
        outgoing = self.outgoing(call)
        if self.rate_limiter is not None:
            yield self._wait_for_turn
        self.check_time(run)
        response, spool = yield partial(self._send, outgoing, run)
        return self.checked(response, spool, call)

    def _fetched(self, fetch: Fetch, run: Run) -> Serving[Spool]:
        url = fetch.url
        # A private link is trusted like the API's own origin.
        trusted = fetch.url if fetch.private else self.settings.base_url
        for _ in range(links.MAX_REDIRECTS + 1):
            self.check_time(run)
            link = links.check_link(url, base_url=trusted, endpoint=fetch.endpoint)
            target = link
            if not link.own:
                links.check_without_key(link, self.redactor(), **self.facts(fetch.endpoint))
                addresses = yield partial(self._resolve, link, fetch.endpoint)
                target = links.pin(link, addresses, **self.facts(fetch.endpoint))
            response, spool = yield partial(self._send, self.outgoing_link(target, fetch), run)
            redirected = _redirect_of(response, link)
            if redirected is None:
                return self._checked_link(response, spool, fetch, link, run)
            spool.discard()
            url = redirected
        msg = f"{fetch.endpoint} answered with a link that redirects more than 5 times."
        raise errors.UnsafeLinkError(msg, **self.facts(fetch.endpoint))

    def _checked_link(
        self, response: Any, spool: Spool, fetch: Fetch, link: links.Link, run: Run
    ) -> Spool:
        """The spool of a linked file, if the link still works."""
        status = response.status_code
        facts = self.facts(fetch.endpoint)
        if status in (401, 403, 404, 410):
            spool.discard()
            shown = shortened(fetch.url, 200)
            msg = (
                f"{fetch.endpoint} answered with the link {shown!r}, which no longer "
                f"works ({status}). Links expire: make the call again."
            )
            raise errors.LinkExpiredError(msg, status=status, **facts)
        if status >= 300:
            endpoint = f"the link of {fetch.endpoint}"
            raise self._refused(response, spool, endpoint=endpoint, base_url=link.url)
        run.linked += spool.size
        return spool

    def outgoing(self, call: Call) -> Outgoing:
        """Turn a call into a request, with the key where it belongs."""
        headers = {**_HEADERS}
        content = None
        if call.method == "POST":
            fields = dict(call.body or {})
            if call.auth == "token":
                # Wrapped, since tools that show the locals of a traceback show these.
                fields["token"] = SecretStr(self.key())
            content = JSONBody(fields)
            headers["Content-Type"] = "application/json"
            headers["Content-Length"] = str(content.content_length)
        if call.auth == "bearer":
            headers["Authorization"] = f"Bearer {self.key()}"
        base_url = self.settings.base_url
        return Outgoing(
            method=call.method,
            url=base_url + call.path,
            endpoint=call.endpoint,
            host=urlsplit(base_url).netloc,
            headers=headers,
            content=content,
            streams=call.streams,
        )

    def outgoing_link(self, target: links.Link, fetch: Fetch) -> Outgoing:
        """Turn a checked link into a request; it never carries the key."""
        return Outgoing(
            method="GET",
            url=target.url,
            endpoint=fetch.endpoint,
            host=target.headers.get("Host") or urlsplit(target.url).netloc,
            headers=_HEADERS | target.headers,
            extensions=target.extensions,
            abroad=not target.own,
            link=True,
        )

    def spool(self, response: Any, outgoing: Outgoing, run: Run) -> Spool:
        """A spool for the body of this response. For an error, only the beginning is kept."""
        packed = response.headers.get("content-encoding", "").strip().lower()
        if "," in packed or packed in ("br", "zstd"):
            # httpx unpacks a whole piece at once. Each layer may expand a thousandfold, and these a
            # millionfold: a bomb that no limit catches in time.
            how = "more than once" if "," in packed else f"as {packed!r}, unasked"
            msg = f"{outgoing.endpoint} on {outgoing.host} returned data compressed {how}."
            raise errors.UnexpectedAnswerError(msg, **self.facts(outgoing.endpoint))
        failed = response.status_code >= 300
        spool = Spool(
            self.max_answer_bytes,
            run.folder,
            keep=BEGINNING_BYTES if failed else None,
            before=run.linked if outgoing.link else 0,
        )
        spool.endpoint, spool.base_url = outgoing.endpoint, self.settings.base_url
        spool.redact = self.redactor()
        spool.engine = spool.redact.told(response.headers.get("x-visioncraft-engine"))
        announced = response.headers.get("content-length", "")
        if announced.isdigit() and not failed:
            spool.expect(int(announced))
        return spool

    def progress_in(self, outgoing: Outgoing, run: Run) -> Callable[[bytes], Iterator[Progress]]:
        """The reader of progress in the chunks of an answer."""
        watch, redact = StateWatch(), self.redactor()

        def found(chunk: bytes) -> Iterator[Progress]:
            if outgoing.streams and run.on_progress is not None:
                for progress in watch(chunk):
                    said, facts = redact.told([progress.message, dict(progress.details)])
                    yield Progress(said, time.monotonic() - run.watch.began, facts)

        return found

    def checked(self, response: Any, spool: Spool, call: Call) -> Spool:
        """The spool of a successful answer; raises the error of any other."""
        status = response.status_code
        if 300 <= status < 400:
            spool.discard()
            raise redirected(response, **self.facts(call.endpoint))
        if status >= 400:
            facts = self.facts(call.endpoint)
            raise self._refused(response, spool, **facts, key_sent=call.auth != "none")
        return spool

    def _refused(self, response: Any, spool: Spool, **facts: Any) -> errors.VisionCraftError:
        with spool.open() as file:
            body = spool.redact.beginning(file)
        return status_error(response.status_code, response.headers, body, **facts)

    @contextlib.contextmanager
    def translating(self, endpoint: str, host: str) -> Iterator[None]:
        """Translate errors of the HTTP library and the system; the only boundary for them."""
        current().came = False
        try:
            yield
        except errors.VisionCraftError:
            raise
        except LocalError as error:
            raise error.cause from None
        except Exception as error:
            translated = translate(error, host, current().came, self.facts(endpoint))
            forget_locals(error)
            if translated is not None and current().is_over:
                translated = timed_out(self.facts(endpoint))
            if translated is None:
                raise
            raise translated from error


def _redirect_of(response: Any, link: links.Link) -> str | None:
    """Where a link redirects to, if it does."""
    location = response.headers.get("location")
    if response.status_code in (301, 302, 303, 307, 308) and location:
        try:
            return urljoin(link.url, splittable(str(location)))
        except ValueError:
            return str(location)  # the check of the link reports what is wrong
    return None


def _failure(state: RetryCallState) -> Any:
    return state.outcome.exception() if state.outcome else None


def _backoff(state: RetryCallState) -> float:
    """Seconds before another try: exponential, with jitter, so that clients spread out."""
    from tenacity import wait_exponential, wait_random  # noqa: PLC0415 -- as above

    return (wait_exponential(multiplier=0.5, max=8) + wait_random(0, 0.5))(state)


@contextlib.contextmanager
def calling_back() -> Iterator[None]:
    """Wraps a caller's function while an answer arrives, so that its errors are not translated."""
    try:
        yield
    except Exception as error:
        raise LocalError(error) from error
