"""FastAPI's exception handlers: every refusal becomes a problem."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, cast

from fastapi import FastAPI
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.methods import allowed_methods, options
from api.problem_responses import internal, problem, refusal
from api.shell.early_refusal import EarlyRefusal
from api.validation_errors import body_of, field_errors
from kernel.errors import DomainError, ValidationFailed

_MAX_PATH_CHARACTERS: Final = 200
"""The part of a long path that is repeated in a refusal."""
_MAX_ERRORS: Final = 100
"""A client that sends thousands of faults reads only the first of them."""
_UNREADABLE_BODY: Final = "There was an error parsing the body"
"""FastAPI's words for a body that is not even text, which it refuses with 400."""
_CODES_BY_STATUS: Final[Mapping[int, str]] = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    413: "body_too_large",
}


def add_exception_handlers(app: FastAPI) -> None:
    """Make the application answer every refusal with a problem."""
    app.add_exception_handler(DomainError, _on_domain_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_crash)


async def _on_domain_error(request: Request, error: Exception) -> Response:
    return refusal(request.scope, cast("DomainError", error))


async def _on_validation_error(request: Request, error: Exception) -> Response:
    errors = cast("RequestValidationError", error).errors()
    body = body_of(request.scope.get("route"))
    faults = [fault for details in errors for fault in field_errors(details, body)]
    return refusal(request.scope, ValidationFailed(faults[:_MAX_ERRORS]))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette and FastAPI raise these, and so may a route; a status without a code keeps FastAPI's own answer."""
    exception = cast("HTTPException", error)
    if exception.detail == _UNREADABLE_BODY:
        return refusal(request.scope, ValidationFailed.of("body", "cannot be read"))
    if exception.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return _on_other_method(request)
    if isinstance(exception, EarlyRefusal):
        return problem(request.scope, exception.code, exception.detail)
    code = _CODES_BY_STATUS.get(exception.status_code)
    if code is None:
        return await http_exception_handler(request, exception)
    return problem(request.scope, code, _detail(request, exception), headers=exception.headers)


def _on_other_method(request: Request) -> Response:
    """The framework has asked a single route, and others may serve the same path."""
    if request.method == "OPTIONS":
        return options(request)
    methods = allowed_methods(request)
    return problem(request.scope, "method_not_allowed", f"Use one of: {methods}", headers={"Allow": methods})


def _detail(request: Request, exception: HTTPException) -> str:
    """The exception's own sentence, or ours where it only repeats the name of its status."""
    if exception.detail == HTTPStatus.NOT_FOUND.phrase:
        return f"There is nothing at {request.url.path[:_MAX_PATH_CHARACTERS]}."
    return str(exception.detail)


async def _on_crash(request: Request, _error: Exception) -> Response:
    """Starlette raises the error again after this response, and the shell (api.shell.application) logs it."""
    return internal(request.scope)
