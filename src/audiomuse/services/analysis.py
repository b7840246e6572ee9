"""The analysis job: list the library, hear every song that is due, sum up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from audiomuse.errors import AudioError, ParameterError, TrackMissing
from audiomuse.model import JobItem
from audiomuse.servers import AudioFile, MediaServer
from audiomuse.services.job_handlers import Interrupted, JobContext, JobHandler, Outcome
from audiomuse.services.listeners import ListenerPool
from audiomuse.services.listing import list_library
from audiomuse.services.preflight import preflight
from audiomuse.services.temp_space import TempSpace
from audiomuse.storage import ItemPlan, MusicStore

KIND = "analysis"

_LIST, _HEAR, _SUM_UP = 0, 1, 2
_LIST_KEY, _SUM_UP_KEY = "list", "sum-up"
_SHOW_EVERY = 500


@dataclass(frozen=True, slots=True)
class OpenedAudio:
    """The audio of a song, on this machine until it is closed."""

    audio: AudioFile
    resources: ExitStack

    def close(self) -> None:
        self.resources.close()


class AnalysisHandler(JobHandler):
    """Stage 0 lists the library, stage 1 hears one song an item, stage 2 sums up.

    Parameters
    ----------
    music : MusicStore
    server : callable
        Returns the media server; raises `SettingsError` if none is configured.
    listeners : ListenerPool
    features_version : str
        Of the listeners. Songs that have features of it are not heard again.
    temp : TempSpace
        For downloads.
    """

    kind = KIND
    lookahead = 1

    def __init__(
        self,
        music: MusicStore,
        server: Callable[[], MediaServer],
        listeners: ListenerPool,
        *,
        features_version: str,
        temp: TempSpace,
    ) -> None:
        self._music = music
        self._server = server
        self._listeners = listeners
        self._version = features_version
        self._temp = temp

    def plan(self, parameters: Mapping[str, Any]) -> Sequence[ItemPlan]:
        """Return the item that lists; the songs follow from it.

        Raises
        ------
        ParameterError
            If ``num_recent_albums`` is not a number from 0 on.
        """
        albums = parameters.get("num_recent_albums")
        if not isinstance(albums, int) or isinstance(albums, bool) or albums < 0:
            raise ParameterError(f"NUM_RECENT_ALBUMS is {albums!r}; it must be 0 (all) or more.")
        return [ItemPlan(_LIST_KEY, _LIST, weight=0)]

    def prepare(self, item: JobItem, context: JobContext) -> OpenedAudio | None:
        """Download the song, if it is not on this machine, while another one is heard."""
        if item.stage != _HEAR or self._is_heard(item.key):
            return None
        with ExitStack() as resources:
            track = self._music.tracks.get(item.key)
            try:
                into = resources.enter_context(self._temp.room_for(track.size_bytes, context.wait))
                audio = resources.enter_context(self._server().open_audio(track, into))
            except TrackMissing as e:
                self._remember_failure(item.key, "missing", str(e))
                raise
            return OpenedAudio(audio, resources.pop_all())
        raise AssertionError("unreachable")

    def run(self, item: JobItem, prepared: OpenedAudio | None, context: JobContext) -> Outcome:
        """List, hear or sum up, whatever the item is."""
        if item.stage == _LIST:
            return self._list(context)
        if item.stage == _HEAR:
            return self._hear(item, prepared, context)
        return self._sum_up(context)

    def _list(self, context: JobContext) -> Outcome:
        parameters = context.job.parameters
        if parameters.get("retry_failed"):
            self._music.failures.clear()
        context.show(phase="listing")
        preflight(self._server(), write=False).require()
        context.log("Listing the library.")

        def show(tracks: int) -> None:
            if tracks % _SHOW_EVERY == 0:
                context.show(listed=tracks)

        found = list_library(
            self._server(),
            self._music,
            self._version,
            num_recent_albums=parameters["num_recent_albums"],
            on_progress=show,
            should_stop=context.should_stop,
        )
        if found is None:
            raise Interrupted
        counts = {
            "listed": found.tracks,
            "new": found.new,
            "gone": found.gone,
            "known": found.known,
            "given_up": found.given_up,
            "due": len(found.due),
        }
        context.log(_describe(counts))
        songs = [
            ItemPlan(track.id, _HEAR, {"title": track.title, "artist": track.artist}) for track in found.due
        ]
        return Outcome(
            result=counts,
            more=[*songs, ItemPlan(_SUM_UP_KEY, _SUM_UP, weight=0)],
            detail={"phase": "hearing", **counts},
        )

    def _hear(self, item: JobItem, prepared: OpenedAudio | None, context: JobContext) -> Outcome:
        if prepared is None or self._is_heard(item.key):
            # Heard by a worker that died before it could say so.
            return Outcome()
        try:
            heard = self._listeners.hear(prepared.audio.path, context.should_stop)
        except AudioError as e:
            self._remember_failure(item.key, e.kind, str(e))
            raise
        self._music.features.save(item.key, heard)
        return Outcome()

    def _sum_up(self, context: JobContext) -> Outcome:
        listed = context.results(_LIST)[0].result or {}
        analysed = len(context.results(_HEAR))
        failed = int(listed["due"]) - analysed
        context.log(f"Heard {analysed} songs; {failed} could not be heard.")
        songs = {**listed, "analysed": analysed, "failed": failed}
        return Outcome(detail={"phase": "done"}, job_result={"songs": songs})

    def _is_heard(self, track_id: str) -> bool:
        return bool(self._music.features.analysed_ids(self._version, [track_id]))

    def _remember_failure(self, track_id: str, kind: str, message: str) -> None:
        self._music.failures.record(track_id, kind=kind, message=message, features_version=self._version)


def _describe(counts: Mapping[str, int]) -> str:
    parts = [f"{counts['listed']} songs listed, {counts['due']} to hear"]
    if counts["known"]:
        parts.append(f"{counts['known']} known already")
    if counts["given_up"]:
        parts.append(f"{counts['given_up']} failed before and have not changed")
    if counts["gone"]:
        parts.append(f"{counts['gone']} no longer there")
    return ", ".join(parts) + "."
