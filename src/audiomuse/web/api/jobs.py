"""Analysis and clustering: start, watch, cancel."""

from __future__ import annotations

from typing import Any

from flask import jsonify
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from audiomuse.model import MSD_TAGS, Job
from audiomuse.settings import Settings, group_of, is_secret
from audiomuse.web.api import shapes
from audiomuse.web.api.schemas import (
    ActiveTask,
    AnalysisRequest,
    CancelledTasks,
    CancelRefused,
    ClusteringRequest,
    ConfigAnswer,
    ErrorAnswer,
    LastTask,
    TaskMessage,
    TaskPath,
    TaskStarted,
    TaskStatus,
    TaskTypePath,
)
from audiomuse.web.api.shapes import Answer
from audiomuse.web.job_reports import active_reports, report
from audiomuse.web.state import backend

bp = APIBlueprint(
    "api_jobs",
    __name__,
    abp_tags=[Tag(name="Jobs", description="Long runs: start them, watch them, stop them.")],
    abp_security=[{"token": []}],
    abp_responses={401: ErrorAnswer},
)

_CONFIG_GROUPS = ("analysis", "playlists", "search", "kmeans", "dbscan", "gmm", "pca", "fitness")


def _started(job: Job) -> Answer:
    return {"task_id": job.id, "task_type": shapes.task_type(job), "status": job.state.value}, 202


@bp.post(
    "/api/analysis/start", responses={202: TaskStarted, 409: ErrorAnswer, 415: ErrorAnswer, 503: ErrorAnswer}
)
def start_analysis(body: AnalysisRequest) -> Answer:
    """Begin to analyse the newest albums

    Songs that were analysed before are skipped.
    """
    return _started(backend().start_analysis(body.model_dump(exclude_none=True)))


@bp.post(
    "/api/clustering/start",
    responses={202: TaskStarted, 409: ErrorAnswer, 415: ErrorAnswer, 503: ErrorAnswer},
)
def start_clustering(body: ClusteringRequest) -> Answer:
    """Begin to search for playlists

    The best ones replace ours on the music server.
    """
    parameters = body.model_dump(exclude_none=True)
    if "clustering_method" in parameters:
        parameters["cluster_algorithm"] = parameters.pop("clustering_method")
    return _started(backend().start_clustering(parameters, publish=True))


@bp.get("/api/status/<task_id>", responses={200: TaskStatus, 404: ErrorAnswer, 503: ErrorAnswer})
def status(path: TaskPath) -> Answer:
    """Watch one task"""
    return shapes.task_status(report(backend().engine, path.task_id))


@bp.post("/api/cancel/<task_id>", responses={200: TaskMessage, 400: CancelRefused, 404: ErrorAnswer})
def cancel(path: TaskPath) -> Answer:
    """Stop one task

    What was finished is kept; the state becomes REVOKED when nothing works on it any more.
    """
    engine = backend().engine
    job = engine.store.jobs.get(path.task_id)
    if job.state.is_final:
        return {"message": "This task is not running.", "state": job.state.value}, 400
    job = engine.cancel(job.id)
    return {"message": shapes.sentence(job), "task_id": job.id}


@bp.post("/api/cancel_all/<task_type_prefix>", responses={200: CancelledTasks})
def cancel_all(path: TaskTypePath) -> Answer:
    """Stop every running task whose type begins so"""
    engine = backend().engine
    prefix = path.task_type_prefix
    chosen = [
        job.id
        for job in engine.store.jobs.active()
        if shapes.task_type(job).startswith(prefix) or job.kind.startswith(prefix)
    ]
    for job_id in chosen:
        engine.cancel(job_id)
    return {"message": f"{len(chosen)} tasks were asked to stop.", "cancelled": len(chosen)}


@bp.get("/api/active_tasks", responses={200: ActiveTask})
def active_tasks() -> Answer:
    """Return the running task, or an empty object"""
    active = active_reports(backend().engine)
    return shapes.task_status(active[0]) if active else {}


@bp.get("/api/last_task", responses={200: LastTask})
def last_task() -> Answer:
    """Return the newest task, running or not"""
    engine = backend().engine
    job = engine.store.jobs.last()
    if job is None:
        return {"task_id": None, "task_type": None, "status": "NO_PREVIOUS_TASK", "details": {}}
    lines = [line.message for line in engine.store.log.lines(job.id)]
    return {
        "task_id": job.id,
        "task_type": shapes.task_type(job),
        "status": job.state.value,
        "details": {**shapes.details(job), "log_output": lines},
    }


@bp.get("/api/config", responses={200: ConfigAnswer})
def config() -> Answer:
    """Return every analysis and clustering parameter, and the names of the moods"""
    return jsonify({**_public_parameters(backend().settings), "mood_labels": list(MSD_TAGS)})


def _public_parameters(settings: Settings) -> dict[str, Any]:
    """The values that a client may start a job with; addresses, folders and secrets are none of them."""
    values = settings.model_dump(mode="json")
    return {
        name: values[name]
        for name, field in Settings.model_fields.items()
        if group_of(field) in _CONFIG_GROUPS and not is_secret(field) and "path" not in name
    }
