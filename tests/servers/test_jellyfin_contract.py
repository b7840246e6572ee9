"""The contract of the fake Jellyfin against Jellyfin's own descriptions, where they are at hand."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.servers.fake_jellyfin.contract import (
    OPERATIONS,
    Operation,
    Since,
    Words,
    answer_faults,
    operation_for,
    request_faults,
)

_DESCRIPTIONS = Path(
    os.environ.get("JELLYFIN_OPENAPI_DIR", "")
    or Path(__file__).parents[2] / ".." / "shared" / "reference" / "jellyfin-openapi"
)
_FILES = sorted(_DESCRIPTIONS.glob("jellyfin-*.json"))

needs_descriptions = pytest.mark.skipif(not _FILES, reason="Jellyfin's OpenAPI files are not here")

ID = "0154cbd274414d8baa8430e1ade70d7b"


@cache
def description(file: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return loaded


def version_of(file: Path) -> tuple[int, int]:
    major, minor = description(file)["info"]["version"].split(".")[:2]
    return int(major), int(minor)


def each_operation() -> list[Any]:
    return [
        pytest.param(file, operation, id=f"{file.stem[-7:]} {operation.method} {operation.path}")
        for file in _FILES
        for operation in OPERATIONS
        if version_of(file) >= operation.since
    ]


@needs_descriptions
@pytest.mark.parametrize(("file", "operation"), each_operation())
def test_every_operation_is_described_by_jellyfin(file: Path, operation: Operation) -> None:
    described = description(file)["paths"][operation.path][operation.method.lower()]
    parameters = {
        parameter["name"]: parameter["schema"]
        for parameter in described.get("parameters", [])
        if parameter["in"] == "query"
    }
    schemas = description(file)["components"]["schemas"]
    version = version_of(file)
    misfits: list[str] = []
    for name, shape in operation.query.items():
        known = _of_version(shape, version)
        if known is not None:
            misfits += _misfits(known, parameters.get(name), schemas, version, name)
    if operation.body is not None:
        body = described["requestBody"]["content"]["application/json"]["schema"]
        misfits += _misfits(operation.body, body, schemas, version, "body")
    answers = described["responses"].get("200", {}).get("content", {})
    if operation.answer == "bytes":
        assert any(kind.split("/")[0] in ("audio", "image") for kind in answers)
    elif operation.answer is not None:
        answer = answers["application/json"]["schema"]
        misfits += _misfits(operation.answer, answer, schemas, version, "answer")
    else:
        assert "204" in described["responses"]
    assert misfits == []


@needs_descriptions
def test_a_contract_that_says_something_else_is_found() -> None:
    schemas = description(_FILES[-1])["components"]["schemas"]
    page = schemas["BaseItemDtoQueryResult"]
    for shape in (
        {"Itens": "text"},
        {"TotalRecordCount": "text"},
        {"Items": [{"Typo": "text"}]},
        {"Items": [{"Type": Words("Song")}]},
    ):
        assert len(_misfits(shape, page, schemas, (12, 0), "answer")) == 1


def _of_version(shape: Any, version: tuple[int, int]) -> Any:
    if isinstance(shape, Since):
        return shape.shape if version >= shape.version else None
    return shape


def _misfits(shape: Any, schema: Any, schemas: Any, version: tuple[int, int], where: str) -> list[str]:
    """Say where a shape of ours is not a part of a schema of theirs."""
    if schema is None:
        return [f"{where} is not described"]
    while "$ref" in schema or "allOf" in schema:
        inner = schema["allOf"][0] if "allOf" in schema else schema
        schema = schemas[inner["$ref"].rpartition("/")[2]] if "$ref" in inner else inner
    if isinstance(shape, Words):
        schema = schema.get("items", schema)
        return _misfits_of_words(shape, schema, schemas, where)
    if isinstance(shape, dict):
        found = []
        for name, part in shape.items():
            known = _of_version(part, version)
            if known is not None:
                inner = schema.get("properties", {}).get(name)
                found += _misfits(known, inner, schemas, version, f"{where}.{name}")
        return found
    if isinstance(shape, list):
        return _misfits(shape[0], schema.get("items"), schemas, version, f"{where}[]")
    types = {
        "text": "string", "id": "string", "date": "string", "int": "integer", "number": "number",
        "bool": "boolean", "map": "object", "ids": "array",
    }  # fmt: skip
    described = schema.get("type")
    return [] if described == types[shape] else [f"{where}: we say {shape}, they say {described}"]


def _misfits_of_words(shape: Words, schema: Any, schemas: Any, where: str) -> list[str]:
    while "$ref" in schema or "allOf" in schema:
        inner = schema["allOf"][0] if "allOf" in schema else schema
        schema = schemas[inner["$ref"].rpartition("/")[2]] if "$ref" in inner else inner
    if "enum" not in schema:  # 10.8 describes many of them as any text
        return [] if schema.get("type") == "string" else [f"{where} is not text"]
    # 10.8 and 10.9 spell the types of libraries in capitals in their descriptions of some operations.
    known = {str(word).casefold() for word in schema["enum"]}
    return [f"{where}: {word} is not one of theirs" for word in shape.words if word.casefold() not in known]


# --- the contract finds what it is there to find ---


def test_a_good_request_has_no_faults() -> None:
    operation = operation_for("GET", "/Items", (10, 11))
    assert operation is not None
    query = {"userId": ID, "includeItemTypes": "Audio,MusicAlbum", "ids": f"{ID},{ID}", "limit": "5"}
    assert request_faults(operation, (10, 11), query, None) == []


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "fault"),
    [
        ("GET", "/Items", {"includeItemType": "Audio"}, None, "unknown name"),
        ("GET", "/Items", {"includeItemTypes": "Audios"}, None, "Audios"),
        ("GET", "/Items", {"limit": "many"}, None, "limit='many'"),
        ("GET", "/Items", {"ids": "not-an-id"}, None, "ids='not-an-id'"),
        ("POST", "/Playlists", {}, {"Names": "x"}, "body.Names does not exist"),
        ("POST", "/Playlists", {}, {"Name": "x"}, "the body lacks Ids"),
        ("POST", "/Playlists/{playlistId}", {}, {"Ids": ["x"]}, "body.Ids[0]"),
        ("DELETE", "/Items/{itemId}", {}, {"Ids": []}, "where none belongs"),
    ],
)
def test_planted_faults_are_found(
    method: str, path: str, query: dict[str, str], body: Any, fault: str
) -> None:
    operation = operation_for(method, path, (10, 11))
    assert operation is not None
    assert any(fault in found for found in request_faults(operation, (10, 11), query, body))


def test_a_version_knows_only_what_it_had() -> None:
    assert operation_for("POST", "/Playlists/{playlistId}", (10, 8)) is None
    creation = operation_for("POST", "/Playlists", (10, 8))
    assert creation is not None
    body = {"Name": "x", "Ids": [ID], "UserId": ID, "MediaType": "Audio", "IsPublic": False}
    assert request_faults(creation, (10, 8), {}, body) == ["body.IsPublic does not exist"]
    assert request_faults(creation, (10, 9), {}, body) == []


def test_an_answer_that_is_not_as_described_is_found() -> None:
    operation = operation_for("GET", "/Items", (10, 11))
    assert operation is not None
    page = {"Items": [{"Id": "0154-CBD2", "Name": None}], "TotalRecordCount": "1", "StartIndex": 0}
    assert len(answer_faults(operation.answer, (10, 11), page)) == 3
