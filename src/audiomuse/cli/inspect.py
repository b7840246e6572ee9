"""`audiomuse inspect`: hear files and say what was heard; needs no server, database or configuration."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from audiomuse.errors import AudioError
from audiomuse.model import MSD_TAGS, TrackFeatures
from audiomuse.services.hearing import open_listener
from audiomuse.settings import load_settings

_SIGNIFICANT = 6
"""Digits kept of a float: more than float32 knows."""


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def inspect(ctx: click.Context, files: tuple[Path, ...], as_json: bool) -> None:
    """Hear FILES and show tempo, key, loudness and tags.

    Files that cannot be heard are named with the reason, and the exit code is 1.
    """
    console = Console()
    some_failed = False
    with closing(open_listener(load_settings())) as listener:
        for path in files:
            try:
                heard: TrackFeatures | AudioError = listener.hear(path)
            except AudioError as e:
                heard = e
                some_failed = True
            if as_json:
                click.echo(json.dumps(_as_json(path, heard), ensure_ascii=False))
            else:
                _show(console, path, heard)
    if some_failed:
        ctx.exit(1)


def _as_json(path: Path, heard: TrackFeatures | AudioError) -> dict[str, Any]:
    """Return the documented object of one file; null where there is nothing to hear."""
    if isinstance(heard, AudioError):
        return {"path": str(path), "error": {"kind": heard.kind, "message": str(heard)}}
    tempo, key = heard.tempo, heard.key
    return {
        "path": str(path),
        "duration_s": _rounded(heard.duration_s),
        "tempo_bpm": _rounded(tempo.bpm if tempo else None),
        "tempo_confidence": _rounded(tempo.confidence if tempo else None),
        "tempo_alternative_bpm": _rounded(tempo.alternative_bpm if tempo else None),
        "key": key.tonic if key else None,
        "scale": key.scale if key else None,
        "key_strength": _rounded(key.strength if key else None),
        "loudness_lufs": _rounded(heard.loudness_lufs),
        "energy": _rounded(heard.energy),
        "tags": None
        if heard.tags is None
        else {name: _rounded(float(p)) for name, p in zip(MSD_TAGS, heard.tags, strict=True)},
        "embedding": None if heard.embedding is None else [_rounded(float(v)) for v in heard.embedding],
        **({"moods": dict(heard.moods)} if heard.moods else {}),
        "features_version": heard.features_version,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_SIGNIFICANT + 1}g}")


def _show(console: Console, path: Path, heard: TrackFeatures | AudioError) -> None:
    """Print one file for a person."""
    if isinstance(heard, AudioError):
        console.print(f"[red]{path.name}[/]: {heard}", highlight=False)
        return
    table = Table(title=str(path.name), title_justify="left", show_header=False, box=None, pad_edge=False)
    minutes, seconds = divmod(round(heard.duration_s), 60)
    table.add_row("length", f"{minutes}:{seconds:02d}")
    table.add_row("tempo", _tempo(heard))
    table.add_row(
        "key",
        f"{heard.key.tonic} {heard.key.scale} (strength {heard.key.strength:.2f})" if heard.key else "no key",
    )
    table.add_row("loudness", "silence" if heard.loudness_lufs is None else f"{heard.loudness_lufs:.1f} LUFS")
    table.add_row("energy", "-" if heard.energy is None else f"{heard.energy:.2f}")
    if heard.tags is not None:
        best = sorted(zip(MSD_TAGS, heard.tags, strict=True), key=lambda tag: -tag[1])[:5]
        table.add_row("tags", ", ".join(f"{name} {p:.2f}" for name, p in best))
    for label, probability in heard.moods.items():
        table.add_row(label, f"{probability:.2f}")
    console.print(table)
    console.print()


def _tempo(heard: TrackFeatures) -> str:
    if heard.tempo is None:
        return "no pulse"
    other = heard.tempo.alternative_bpm
    also = f", perhaps {other:.1f}" if other else ""
    return f"{heard.tempo.bpm:.1f} BPM (confidence {heard.tempo.confidence:.2f}{also})"
