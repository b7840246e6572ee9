"""The API, described for programs (OpenAPI) and for people (a page to try it on)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from flask import Blueprint, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_openapi3.openapi import OpenAPI

bp = Blueprint("docs", __name__)


@dataclass(frozen=True, slots=True)
class Operation:
    """One route and method as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[dict[str, Any], ...]
    body: dict[str, Any] | None
    """JSON schema of the body, if it takes one."""
    answers: tuple[tuple[str, str], ...]
    """(status, description)."""


def document() -> dict[str, Any]:
    """Return the OpenAPI document for the place where this app lives."""
    spec = copy.deepcopy(cast(OpenAPI, current_app).api_doc)
    for item in spec["paths"].values():
        for entry in item.values():
            refused = entry["responses"]["400"]["content"]["application/json"]
            # The framework announces a list of errors here; every error of ours is one object.
            if refused["schema"].get("type") == "array":
                refused["schema"] = refused["schema"]["items"]
    spec["servers"] = [{"url": request.script_root or "/"}]
    return spec


def operations(spec: dict[str, Any]) -> dict[str, list[Operation]]:
    """Return the operations of an OpenAPI document by tag, in its order."""
    found: dict[str, list[Operation]] = {}
    for path, item in spec["paths"].items():
        for method, entry in item.items():
            for tag in entry.get("tags", ["API"]):
                found.setdefault(tag, []).append(_operation(spec, path, method, entry))
    return found


def _operation(spec: dict[str, Any], path: str, method: str, entry: dict[str, Any]) -> Operation:
    return Operation(
        id=entry["operationId"],
        method=method.upper(),
        path=path,
        summary=entry.get("summary", ""),
        description=entry.get("description", ""),
        parameters=tuple(_parameters(entry)),
        body=_body(spec, entry),
        answers=tuple(
            (status, answer.get("description", "")) for status, answer in entry["responses"].items()
        ),
    )


def _parameters(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for one in entry.get("parameters", []):
        schema = one.get("schema", {})
        plain = [part for part in schema.get("anyOf", [schema]) if part.get("type") != "null"]
        yield {
            **one,
            "type": plain[0].get("type", "string") if plain else "string",
            "default": schema.get("default"),
        }


def _body(spec: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any] | None:
    content = entry.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    name = content["schema"]["$ref"].rpartition("/")[2]
    return cast(dict[str, Any], spec["components"]["schemas"][name])


@bp.get("/docs")
def index() -> ResponseReturnValue:
    """Show every route of the API with a form to try it."""
    spec = document()
    return render_template("docs/index.html", groups=operations(spec), spec=spec)


@bp.get("/openapi.json")
def openapi() -> ResponseReturnValue:
    """Return the OpenAPI document."""
    return jsonify(document())
