"""The OpenAPI document is true: no undocumented answer, no crash, and every route is explained to people."""

from __future__ import annotations

from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.web.memory_backend import MemoryBackend

from audiomuse.settings import load_settings
from audiomuse.web.app import create_app

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("api")
    backend = MemoryBackend(load_settings(data_dir=folder, auth_disabled=True, music_dir=folder), 30)
    yield schemathesis.openapi.from_wsgi("/openapi.json", create_app(backend.settings, backend=backend))
    backend.close()


@pytest.mark.parametrize("generation", ["positive", "negative"])
def test_no_answer_is_undocumented(api, generation: str) -> None:
    for found in api.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy(generation_mode=GenerationMode(generation)))
        @settings(
            max_examples=8,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        )
        def every_answer_is_documented(case) -> None:
            case.call_and_validate(checks=CHECKS)

        try:
            every_answer_is_documented()
        except Unsatisfiable:
            assert generation == "negative", "nothing can be wrong in a request without parameters"


def test_every_route_is_in_the_documentation(client) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    missing = [
        f"{method.upper()} {path}"
        for path, item in client.get("/openapi.json").json["paths"].items()
        for method in item
        if f"`{method.upper()} {path.replace('{', '<').replace('}', '>')}`" not in text
    ]
    assert not missing
