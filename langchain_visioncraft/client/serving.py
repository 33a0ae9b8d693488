"""How both drivers do the steps of a flow: calls with their retries, links with their checks.

These are generators. What they yield is a method of the driver with its arguments, sync or async.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import urljoin

from langchain_visioncraft import errors
from langchain_visioncraft.client import links
from langchain_visioncraft.client.answers import status_error
from langchain_visioncraft.client.base import MAX_ERROR_BYTES, BaseClient
from langchain_visioncraft.client.flow import (
    Call,
    Fetch,
    Pause,
    Step,
    is_retryable,
    retry_wait,
)
from langchain_visioncraft.client.running import Run
from langchain_visioncraft.client.spool import Spool
from langchain_visioncraft.client.watching import current

if TYPE_CHECKING:
    from tenacity import RetryCallState, Retrying

logger = logging.getLogger(__name__)

ServedT = TypeVar("ServedT")
Serving: TypeAlias = Generator[Callable[[], Any], Any, ServedT]


class ServingClient(BaseClient):
    """A client that knows what to do for each step, and leaves the waiting to its driver."""

    # Each driver has these in its own way.
    _sleep: Any
    _report: Any
    _resolve: Any
    _send: Any
    _wait_for_turn: Any

    def serve(self, step: Step, run: Run) -> Serving[Spool | float | None]:
        """Do one step of a flow."""
        if isinstance(step, Call):
            return (yield from self.retried(partial(self._called, step, run)))
        if isinstance(step, Fetch):
            return (yield from self.retried(partial(self._fetched, step, run), download=True))
        if isinstance(step, Pause):
            yield partial(self._sleep, step.seconds)
            return run.elapsed
        yield partial(self._report, step, run)
        return None

    def retried(
        self, attempt: Callable[[], Serving[ServedT]], *, download: bool = False
    ) -> Serving[ServedT]:
        """Do this, and again after a failure that may pass, `max_retries` times at most."""
        policy: Retrying | None = None
        while True:
            try:
                return (yield from attempt())
            except errors.VisionCraftError as error:
                if policy is None:  # few calls need one
                    policy, state = self._policy(download=download)
                state.set_exception((type(error), error, error.__traceback__))
            wait = policy.iter(state)  # raises the last failure
            state.prepare_for_next_attempt()
            yield partial(self._sleep, wait)

    def _policy(self, *, download: bool) -> tuple[Retrying, RetryCallState]:
        """What decides whether and when there is another try; the drivers wait."""
        from tenacity import RetryCallState, Retrying, stop_after_attempt  # noqa: PLC0415 -- slow

        def again(state: RetryCallState) -> bool:
            error = _failure(state)
            worth = is_retryable(error, after_timeout=self.retry_after_timeout, download=download)
            return worth and not current().is_over

        def wait(state: RetryCallState) -> float:
            return current().left(retry_wait(_failure(state), _backoff(state))) or 0.0

        def log(state: RetryCallState) -> None:
            logger.info("trying again in %.1f s after: %s", state.upcoming_sleep, _failure(state))

        policy = Retrying(
            stop=stop_after_attempt(self.settings.max_retries + 1),
            retry=again,
            wait=wait,
            before_sleep=log,
            reraise=True,
        )
        policy.begin()
        return policy, RetryCallState(policy, None, (), {})

    def _called(self, call: Call, run: Run) -> Serving[Spool]:
        self.check_time(call.endpoint)
        outgoing = self.outgoing(call)
        if self.rate_limiter is not None:
            yield self._wait_for_turn
        response, spool = yield partial(self._send, outgoing, run)
        return self.checked(response, spool, call)

    def _fetched(self, fetch: Fetch, run: Run) -> Serving[Spool]:
        url = fetch.url
        # A private link is trusted as the API's own origin is.
        trusted = fetch.url if fetch.private else self.settings.base_url
        for _ in range(links.MAX_REDIRECTS + 1):
            self.check_time(fetch.endpoint)
            link = links.check_link(url, base_url=trusted, endpoint=fetch.endpoint)
            if link.own:
                target = links.own_target(link)
            else:
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
        """The spool of a linked file.

        Raises:
            LinkExpiredError: If the link no longer works.
            APIStatusError: If the host of the link fails otherwise.
        """
        status = response.status_code
        facts = self.facts(fetch.endpoint)
        if status in (401, 403, 404, 410):
            spool.discard()
            msg = (
                f"{fetch.endpoint} answered with the link {fetch.url[:200]!r}, which no longer "
                f"works ({status}). Links expire: make the call again."
            )
            raise errors.LinkExpiredError(msg, status=status, **facts)
        if status >= 300:
            with spool.open() as file:
                body = file.read(MAX_ERROR_BYTES)
            endpoint = f"the link of {fetch.endpoint}"
            raise self.without_key(
                status_error(status, response.headers, body, endpoint=endpoint, base_url=link.url)
            )
        run.linked += spool.size
        return spool


def _redirect_of(response: Any, link: links.Link) -> str | None:
    """Where a link redirects to, if it does."""
    location = response.headers.get("location")
    if response.status_code in (301, 302, 303, 307, 308) and location:
        try:
            return urljoin(link.url, str(location))
        except ValueError:
            return str(location)  # the check of the link says what is wrong with it
    return None


def _failure(state: RetryCallState) -> Any:
    return state.outcome.exception() if state.outcome else None


def _backoff(state: RetryCallState) -> float:
    """Seconds before another try: exponential, with jitter, so that clients do not come at once."""
    from tenacity import wait_exponential, wait_random  # noqa: PLC0415 -- as above

    return (wait_exponential(multiplier=0.5, max=8) + wait_random(0, 0.5))(state)
