"""What we hand to Docker and Kubernetes is safe as it stands, and speaks the program's own names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from audiomuse import __version__
from audiomuse.settings import Settings

DEPLOYMENT = Path(__file__).parents[2] / "deployment"
PARAMETERS = {name.upper() for name in Settings.model_fields}
FOREIGN = {"SECRETS_DIR", "TZ"}
COMPOSE = [DEPLOYMENT / "docker-compose.yaml", DEPLOYMENT / "docker-compose.distributed.yaml"]
MANIFESTS = [DEPLOYMENT / "deployment.yaml", *(DEPLOYMENT / "kustomize").rglob("*.yaml")]
TEXTS = [
    path for path in DEPLOYMENT.rglob("*") if path.is_file() and path.suffix in {".yaml", ".sh", ".tpl", ""}
]


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in MANIFESTS:
        for document in documents(path):
            if document.get("kind") in {"Deployment", "StatefulSet"}:
                yield f"{path.name}:{document['metadata']['name']}", document["spec"]["template"]["spec"]


PODS = dict(pods())


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS.keys())
def test_no_pod_runs_as_root_or_can_write_its_root(pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    for container in pod["containers"]:
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS.keys())
def test_every_container_has_a_memory_limit_and_says_whether_it_lives(pod: dict[str, Any]) -> None:
    for container in pod["containers"]:
        assert container["resources"]["limits"]["memory"]
        assert container["livenessProbe"]


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS.keys())
def test_no_service_of_the_cluster_sets_a_variable_of_ours(pod: dict[str, Any]) -> None:
    # A Service named "web" would otherwise set WEB_PORT=tcp://10.43.0.7:8000.
    assert pod["enableServiceLinks"] is False


def test_the_names_of_the_original_deployment_are_kept() -> None:
    found = {(d["kind"], d["metadata"]["name"]) for d in documents(DEPLOYMENT / "deployment.yaml")}
    assert {
        ("Namespace", "playlist"),
        ("Secret", "jellyfin-credentials"),
        ("ConfigMap", "audiomuse-ai-config"),
        ("Service", "redis-service"),
    } <= found
    secret = next(d for d in documents(DEPLOYMENT / "deployment.yaml") if d["kind"] == "Secret")
    assert set(secret["stringData"]) == {"user_id", "api_token"}


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: str(path.relative_to(DEPLOYMENT)))
def test_every_variable_in_a_manifest_is_a_parameter(path: Path) -> None:
    foreign = FOREIGN | {"POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD", "PGDATA"}
    used: set[str] = set()
    for document in documents(path):
        if document.get("kind") == "ConfigMap":
            used |= set(document["data"])
        template = document.get("spec", {}).get("template", {}).get("spec", {})
        for container in template.get("containers", []):
            used |= {entry["name"] for entry in container.get("env", [])}
    assert used - PARAMETERS - foreign == set()


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_every_variable_in_a_compose_file_is_a_parameter(path: Path) -> None:
    compose = documents(path)[0]
    ours = [s for s in compose["services"].values() if s["image"].startswith("audiomuse:")]
    assert ours
    for service in ours:
        assert set(service["environment"]) - PARAMETERS - FOREIGN == set()
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
    secrets = {name.upper() for name in compose.get("secrets", {})}
    assert secrets - PARAMETERS - {"POSTGRES_PASSWORD"} == set()


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(DEPLOYMENT)))
def test_no_file_carries_a_credential_or_follows_a_moving_tag(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\b[0-9a-f]{32}\b", text), "looks like a key"
    assert not re.search(
        r"(?i)(password|token|api_key)['\"]?\s*[:=]\s*['\"]?[a-z0-9]{8,}['\"]?\s*$", text, re.M
    )
    assert not re.search(r"image:.*:latest", text)


def test_the_version_is_one_everywhere() -> None:
    chart = documents(DEPLOYMENT / "helm" / "audiomuse" / "Chart.yaml")[0]
    assert chart["version"] == chart["appVersion"] == __version__
    for path in [*COMPOSE, *MANIFESTS]:
        for version in re.findall(r"image: audiomuse:(\S+)|newTag: (\S+)", path.read_text()):
            assert __version__ in version, path
