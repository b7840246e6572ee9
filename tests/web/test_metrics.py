"""The numbers that Prometheus reads."""

from __future__ import annotations

from tests.web.memory_backend import MemoryBackend

from audiomuse.web.metrics import render_metrics


def values(backend: MemoryBackend) -> dict[str, float]:
    text = render_metrics(backend.statistics(), backend.music, backend.engine)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_the_library_in_numbers(backend: MemoryBackend) -> None:
    found = values(backend)
    assert found["audiomuse_tracks"] == 40
    assert found["audiomuse_tracks_analysed"] == 40
    assert found["audiomuse_playlists"] == 2


def test_a_running_job_has_items_that_wait(backend: MemoryBackend) -> None:
    job = backend.start_analysis({})
    for item in backend.job_store.items.claim(job.id, "me", 3, lease_s=60):
        backend.job_store.items.complete(item, "me")
    found = values(backend)
    assert found['audiomuse_job_items{kind="analysis",state="pending"}'] == 7
    assert found['audiomuse_job_items{kind="analysis",state="done"}'] == 3
    assert found['audiomuse_job_state{kind="analysis",state="PROGRESS"}'] == 1


def test_nothing_waits_in_a_cancelled_job(backend: MemoryBackend) -> None:
    job = backend.start_analysis({})
    backend.engine.cancel(job.id)
    found = values(backend)
    assert found['audiomuse_job_items{kind="analysis",state="pending"}'] == 0
    assert found['audiomuse_job_state{kind="analysis",state="REVOKED"}'] == 1
