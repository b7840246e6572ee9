"""What we ask of OpenSubsonic and our fake answers, against the official description, if it is here."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.servers.fake_subsonic import API_KEY, PASSWORD, USER, FakeSubsonic

from audiomuse.servers import SubsonicServer
from audiomuse.servers.subsonic_session import Credentials

_DESCRIPTION = Path(
    os.environ.get("OPENSUBSONIC_OPENAPI_DIR", "")
    or Path(__file__).parents[2] / ".." / "shared" / "reference" / "opensubsonic-openapi" / "openapi"
).resolve()

pytestmark = pytest.mark.skipif(
    not (_DESCRIPTION / "openapi.json").exists(), reason="OpenSubsonic's OpenAPI files are not here"
)

COMMON = {"u", "p", "t", "s", "apiKey", "v", "c", "f"}


def run(fake: FakeSubsonic, credentials: Credentials, into: Path) -> None:
    """Ask for everything that we ever ask for."""
    client = httpx.Client(transport=httpx.MockTransport(fake.handle))
    server = SubsonicServer(client, "http://nas", credentials)
    server.identity()
    server.libraries()
    assert list(server.albums())
    tracks = list(server.all_tracks())
    with server.open_audio(server.tracks(str(tracks[0].album_id))[0], into):
        pass
    server.cover("al-0")
    server.cover("none")
    publication = server.save_playlist("Evening", [track.id for track in tracks[:3]])
    publication = server.save_playlist("Night", [track.id for track in tracks[2:]], publication=publication)
    server.delete_playlist(publication)


@pytest.mark.parametrize(
    "credentials", [Credentials(USER, PASSWORD), Credentials(api_key=API_KEY)], ids=["password", "key"]
)
def test_every_exchange_is_as_described(credentials: Credentials, tmp_path: Path) -> None:
    jsonschema_rs = pytest.importorskip("jsonschema_rs")
    fake = FakeSubsonic(logins=("token", "key"), extensions=("formPost", "apiKeyAuthentication"))
    run(fake, credentials, tmp_path)
    validators: dict[Path, Any] = {}
    assert len({method for method, _, _ in fake.exchanges}) >= 12
    for method, names, answer in fake.exchanges:
        endpoint = json.loads((_DESCRIPTION / "endpoints" / f"{method}.json").read_text("utf-8"))
        described = {parameter["name"] for parameter in endpoint["get"].get("parameters", ())}
        assert names <= described | COMMON, f"{method} has no parameter {names - described - COMMON}"
        required = {entry["name"] for entry in endpoint["get"].get("parameters", ()) if entry.get("required")}
        assert required <= names | COMMON, f"{method} lacks {required - names}"
        if "json" not in answer.headers.get("Content-Type", ""):
            continue
        schemas = list((_DESCRIPTION / "endpoints" / method).glob("*Response.json"))
        schema = min(schemas, key=lambda file: len(file.name), default=None)
        if schema is None:
            schema = _DESCRIPTION / "schemas" / "SubsonicResponse.json"
        if schema not in validators:
            validators[schema] = jsonschema_rs.validator_for({"$ref": schema.as_uri()})
        assert validators[schema].is_valid(answer.json()), (
            f"{method}: {answer.text[:300]} is not {schema.name}"
        )
