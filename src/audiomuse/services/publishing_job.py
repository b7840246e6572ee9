"""The publishing job: playlist by playlist onto the media server, then away with what is superfluous."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from audiomuse.errors import (
    JobConflict,
    LibraryEmpty,
    NotFound,
    PlaylistRefused,
    ServerRefused,
    ServerUnreachable,
    TrackMissing,
)
from audiomuse.model import JobItem, Playlist
from audiomuse.servers import MediaServer
from audiomuse.services.job_handlers import JobContext, JobHandler, Outcome
from audiomuse.services.publishing import PublishReport, delete_superfluous, publish_playlists
from audiomuse.storage import ItemPlan, JobStore, MusicStore

KIND = "publishing"

_SEARCH = "clustering"
_LOOK_S = 0.5


class PublishingTurn:
    """Who may change our playlists on the media server: one at a time, and the newest playlists first.

    A search that is to publish knows better than a publishing job what the server should hold at the end.
    So no such job is begun beside it, and one that runs already makes room once the search publishes. Both
    are rows of the job database before they look for each other, hence at least one sees the other.

    Parameters
    ----------
    jobs : JobStore
    """

    def __init__(self, jobs: JobStore) -> None:
        self._jobs = jobs

    def require_no_search(self) -> None:
        """Refuse to begin publishing while a search runs that will.

        Raises
        ------
        JobConflict
            If one is active.
        """
        if any(job.parameters.get("publish") for job in self._jobs.jobs.active(_SEARCH)):
            raise JobConflict(
                "A search is running that puts its playlists on the server at its end: "
                "wait for it or cancel it."
            )

    def require_nobody(self) -> None:
        """Refuse to publish a single playlist while others are on their way.

        Raises
        ------
        JobConflict
            If a publishing job, or a search that publishes, is active.
        """
        self.require_no_search()
        if self._jobs.jobs.active(KIND):
            raise JobConflict("All playlists are being published right now: wait for that or cancel it.")

    def require_no_search_publishing(self) -> None:
        """Refuse to go on while a search publishes.

        Raises
        ------
        JobConflict
            If one does.
        """
        for search in self._jobs.jobs.active(_SEARCH):
            if any(item.payload.get("step") == "publish" for item in self._jobs.items.leased(search.id)):
                raise JobConflict("A search is publishing newer playlists right now.")

    def take(self, context: JobContext) -> None:
        """Stop the publishing job for a search that publishes, and wait until it has stopped.

        That takes as long as one playlist.

        Raises
        ------
        Interrupted
            If the search itself should stop.
        """
        for job in self._jobs.jobs.active(KIND):
            self._jobs.log.add(job.id, "Stopped: a search publishes newer playlists.", level="warning")
            self._jobs.jobs.request_cancel(job.id)
            while self._jobs.items.leased(job.id):
                context.wait(_LOOK_S)
            self._jobs.jobs.settle(job.id)


class PublishingHandler(JobHandler):
    """One stage per playlist, so that one follows the other; the last stage deletes what is superfluous.

    A playlist that cannot be published fails with its reason and the others go on. A server that cannot be
    reached, or that refuses the account, fails the job.

    Parameters
    ----------
    music : MusicStore
    server : callable
        Returns the media server.
    turn : PublishingTurn
    """

    kind = KIND

    def __init__(self, music: MusicStore, server: Callable[[], MediaServer], turn: PublishingTurn) -> None:
        self._music = music
        self._server = server
        self._turn = turn

    def plan(self, parameters: Mapping[str, Any]) -> Sequence[ItemPlan]:
        """Return an item for each playlist.

        Parameters
        ----------
        parameters : mapping
            ``"playlist_suffix"``: added to every name on the server.

        Raises
        ------
        LibraryEmpty
            If there are no playlists.
        """
        playlists = self._music.playlists.all()
        if not playlists:
            raise LibraryEmpty("There are no playlists to publish yet: search for some first.")
        each = [
            ItemPlan(playlist.id, stage, {"step": "publish", "title": playlist.name})
            for stage, playlist in enumerate(playlists)
        ]
        return [*each, ItemPlan("tidy", len(each), {"step": "tidy"}, weight=0)]

    def run(self, item: JobItem, prepared: Any, context: JobContext) -> Outcome:
        """Publish one playlist, or tidy up after the last."""
        self._turn.require_no_search_publishing()
        return self._tidy(item, context) if item.payload["step"] == "tidy" else self._publish(item, context)

    def _publish(self, item: JobItem, context: JobContext) -> Outcome:
        try:
            playlist = self._music.playlists.get(item.key)
        except NotFound:
            context.log(f"{item.payload['title']}: no longer one of the playlists; it was left out.")
            return Outcome()
        report = self._put(playlist, str(context.job.parameters["playlist_suffix"]))
        if not report.published:
            raise TrackMissing(report.short[0])
        for sentence in report.short:
            context.log(sentence, level="warning")
        return Outcome(result={"name": report.published[0], "warnings": list(report.short)})

    def _put(self, playlist: Playlist, suffix: str) -> PublishReport:
        """Make the server hold one playlist, and find out whom a refusal means."""
        server = self._server()
        try:
            return publish_playlists(server, self._music, [playlist], suffix=suffix, complete=False)
        except ServerUnreachable as e:
            raise ServerUnreachable(f"{playlist.name}: {e}") from e
        except ServerRefused as e:
            server.libraries()  # refused as well if the account is
            raise PlaylistRefused(f"{playlist.name}: {e}") from e

    def _tidy(self, item: JobItem, context: JobContext) -> Outcome:
        """Delete what is superfluous, and tell how it went."""
        done = [one.result for stage in range(item.stage) for one in context.results(stage)]
        held = [result for result in done if result is not None]
        failed = item.stage - len(done)
        if failed and not held:
            raise ServerRefused(f"None of the {failed} playlists could be put on the server.")
        deleted = delete_superfluous(self._server(), self._music, self._music.playlists.all())
        context.log(f"{len(held)} playlists are on the server, {len(deleted)} old ones went.")
        return Outcome(
            job_result={
                "published": [result["name"] for result in held],
                "deleted": list(deleted),
                "warnings": [sentence for result in held for sentence in result["warnings"]],
            }
        )
