"""Making a call with a request; where the host refuses a name, near names are suggested."""

from __future__ import annotations

import difflib

from langchain_visioncraft import errors
from langchain_visioncraft.client.decode import check_refusal, names_from
from langchain_visioncraft.client.fields import Request
from langchain_visioncraft.client.flow import Answer, Auth, Call, Flow
from langchain_visioncraft.client.lists import LISTS, list_paths
from langchain_visioncraft.client.refusals import unknown_kind


def post(
    path: str,
    request: Request,
    family: str | None = None,
    *,
    auth: Auth = "token",
    streams: bool = False,
) -> Flow[Answer]:
    """Make a call; where the host refuses a name, say which names are near."""
    try:
        answer: Answer = yield Call("POST", path, request.body(), auth=auth, streams=streams)
        check_refusal(answer)
    except errors.BadRequestError as error:
        kind = unknown_kind(error.detail)
        if family is None or (family, kind) not in LISTS:
            raise
        problem = error, str(kind)
    else:
        return answer
    return (yield from _suggest(*problem, family, request))


def names_of(family: str, kind: str, base_model: str | None = None) -> Flow[list[str]]:
    """The names of one kind and family, of all lists that the host has for them.

    Raises `EndpointNotFoundError` if it has none.
    """
    missing = None
    for generation in list_paths(family, kind, base_model):
        found: dict[str, None] = {}
        offered = False
        for path in generation:
            try:
                names = names_from((yield Call("GET", path, auth="none")))
            except errors.EndpointNotFoundError as error:
                missing = missing or error
            else:
                found |= dict.fromkeys(names)
                offered = True
        if offered:
            return list(found)
    assert missing is not None  # noqa: S101 -- no list is without a path
    raise missing


def _suggest(
    error: errors.BadRequestError, kind: str, family: str, request: Request
) -> Flow[Answer]:
    try:
        names = yield from names_of(family, kind)
    except errors.VisionCraftError:
        raise error from None  # the refusal is the better message
    given = getattr(request, kind if kind == "loras" else kind.removesuffix("s"), None)
    asked = list(given) if isinstance(given, dict) else [given] if given else []
    unknown = next((name for name in asked if name not in names), None)
    if unknown is None:  # it means something else than what was given
        raise error
    lowered = {name.lower(): name for name in names}
    near = difflib.get_close_matches(unknown.lower(), lowered, n=5, cutoff=0.5)
    suggestions = [lowered[name] for name in near]
    listed = ", ".join(repr(name) for name in suggestions or names[:8])
    msg = (
        f"{error.endpoint}: the host does not know the {kind.removesuffix('s')} {unknown!r}. "
        f"{'Near names' if suggestions else 'It knows for example'}: {listed}. "
        f"All {len(names)} are in the list {family!r}, {kind!r}."
    )
    better = errors.UnknownNameError(
        msg,
        status=error.status,
        detail=error.detail,
        endpoint=error.endpoint,
        base_url=error.base_url,
    )
    better.name, better.suggestions = unknown, suggestions
    raise better from error
