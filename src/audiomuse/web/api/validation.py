"""What a request must look like before a view sees it."""

from __future__ import annotations

from flask import Response, request
from pydantic import ValidationError
from werkzeug.exceptions import BadRequest

from audiomuse.web.failures import api_error


def answer_invalid(error: ValidationError) -> Response:
    """Answer 400 with every wrong parameter and its reason in one sentence each."""
    reasons = []
    for one in error.errors(include_url=False, include_input=False, include_context=False):
        name = ".".join(str(part) for part in one["loc"])
        reasons.append(f"{name}: {one['msg']}" if name else str(one["msg"]))
    return api_error("; ".join(reasons), 400)


def check_json_body() -> Response | None:
    """Refuse a body that is not JSON, so that a typing mistake does not start a job with defaults."""
    if request.method not in ("POST", "PUT", "PATCH") or not request.get_data(cache=True):
        return None
    try:
        request.get_json(force=True)
    except BadRequest:
        return api_error("The body must be JSON.", 400)
    if not request.is_json:
        return api_error("JSON is needed here: send Content-Type: application/json.", 415)
    return None
