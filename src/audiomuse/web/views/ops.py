"""For machines that watch over us: health and metrics."""

from __future__ import annotations

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from audiomuse import __version__
from audiomuse.web.state import backend

bp = Blueprint("ops", __name__)


@bp.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Answer 200 while the databases answer; needs no login and tells nothing else."""
    healthy = backend().is_healthy()
    return {"status": "ok" if healthy else "failing", "version": __version__}, 200 if healthy else 503


@bp.get("/metrics")
def metrics() -> ResponseReturnValue:
    """Return the numbers of jobs and library for Prometheus."""
    return Response(backend().metrics(), content_type="text/plain; version=0.0.4; charset=utf-8")
