"""Errors over HTTP as problem details (RFC 9457), and the middleware through which every request passes."""

from __future__ import annotations

import math
import time
from http import HTTPStatus
from typing import Final
from uuid import uuid4

import msgspec
import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from msgspec import UNSET, Struct, UnsetType

from protocol.errors import ErrorCode
from protocol.values import Language
from server.api.doorstep import has_asked
from server.errors import Refused, as_refused, message_for
from server.services.accounts import SecondFactorNeeded

REQUEST_ID_HEADER: Final = "X-Request-Id"
_STATUS: Final[dict[ErrorCode, HTTPStatus]] = {
    ErrorCode.MALFORMED: HTTPStatus.BAD_REQUEST,
    ErrorCode.UNKNOWN_COMMAND: HTTPStatus.NOT_FOUND,
    ErrorCode.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.ID_REUSED: HTTPStatus.CONFLICT,
    ErrorCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    ErrorCode.FORBIDDEN: HTTPStatus.FORBIDDEN,
    ErrorCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.CONFLICT: HTTPStatus.CONFLICT,
    ErrorCode.OUT_OF_ORDER: HTTPStatus.CONFLICT,
    ErrorCode.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorCode.EXPIRED: HTTPStatus.GONE,
    ErrorCode.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    ErrorCode.OVERLOADED: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}
_SECOND_FACTOR: Final = {
    Language.EN: "A one-time code is needed.",
    Language.ES: "Hace falta un código de un solo uso.",
}
_UNKNOWN: Final = "unknown"
_QUIET_ROUTES: Final = frozenset({"/health", "/ready", "/metrics", "/static/{path}", "/", _UNKNOWN})
"""What may be asked for as often as one likes is no line of the log each time."""
_log = structlog.get_logger()


class Problem(Struct, frozen=True, kw_only=True):
    """The body of every error. Programs read `code`; `detail` is for people, in the request's language."""

    title: str
    status: int
    code: str
    detail: str | UnsetType = UNSET
    field: str | UnsetType = UNSET
    type: str = "about:blank"


def problem_response(problem: Problem, *, headers: dict[str, str] | None = None) -> web.Response:
    """An answer that holds a problem; never cached."""
    return web.Response(
        body=msgspec.json.encode(problem),
        status=problem.status,
        content_type="application/problem+json",
        headers={hdrs.CACHE_CONTROL: "no-store", **(headers or {})},
    )


def refusal_response(refused: Refused, language: Language) -> web.Response:
    """The answer to a request that was refused."""
    status = _STATUS[refused.code]
    headers: dict[str, str] = {}
    if status is HTTPStatus.UNAUTHORIZED:
        headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    if refused.retry_after_ms is not None:
        headers[hdrs.RETRY_AFTER] = str(max(math.ceil(refused.retry_after_ms / 1_000), 1))
    needs_code = isinstance(refused, SecondFactorNeeded)
    return problem_response(
        Problem(
            title=status.phrase,
            status=status,
            code="totp_required" if needs_code else refused.code,
            detail=_SECOND_FACTOR[language] if needs_code else message_for(refused.code, language),
            field=(refused.details or {}).get("field", UNSET),
        ),
        headers=headers,
    )


def language_of(request: web.Request) -> Language:
    """Spanish where the client asks for it first, else English."""
    first = request.headers.get(hdrs.ACCEPT_LANGUAGE, "").split(",")[0].strip().lower()
    return Language.ES if first.split("-")[0].split(";")[0] == "es" else Language.EN


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, and turn whatever is raised into a problem. What is no expected error is logged."""
    has_asked(request)  # no middleware of its own: an open socket would hold one more call
    request_id = uuid4().hex
    began = time.perf_counter()
    # The context is this client connection's own; its next request binds its own id.
    structlog.contextvars.bind_contextvars(request_id=request_id)
    response: web.StreamResponse
    try:
        response = await handler(request)
    except web.HTTPException as answer:
        response = _from_http_exception(answer)
    except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a problem and we a log line
        refused = as_refused(error)
        if refused is None:
            _log.exception("a request failed", method=request.method, route=_route(request))
            refused = Refused(ErrorCode.INTERNAL)
        response = refusal_response(refused, language_of(request))
    if not response.prepared:
        response.headers[REQUEST_ID_HEADER] = request_id
    # A flood is counted (`hub_requests_throttled_total`), not written down line by line.
    quiet = response.status == HTTPStatus.TOO_MANY_REQUESTS
    if (route := _route(request)) not in _QUIET_ROUTES and not quiet:
        duration_ms = round((time.perf_counter() - began) * 1_000, 1)
        _log.info("request", method=request.method, route=route, status=response.status, duration_ms=duration_ms)
    return response


def _from_http_exception(answer: web.HTTPException) -> web.StreamResponse:
    """aiohttp's own errors as problems; redirects and the like stay as they are."""
    if answer.status < HTTPStatus.BAD_REQUEST:
        return answer
    status = HTTPStatus(answer.status)
    kept = {
        name: value
        for name, value in answer.headers.items()
        if name in {hdrs.ALLOW, hdrs.RETRY_AFTER, hdrs.WWW_AUTHENTICATE}
    }
    return problem_response(Problem(title=status.phrase, status=status, code=status.name.lower()), headers=kept)


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return _UNKNOWN if resource is None else resource.canonical
