"""The error tree: each class is named after what the caller can do about it.

Errors are caught at the edges (web, jobs, cli) and nowhere else, except where a docstring
says that one failure must not stop a longer run.
"""


class AudioMuseError(Exception):
    """Base class. Its message is one sentence that a person can act on."""


class SettingsError(AudioMuseError):
    """A parameter is missing or wrong: the message names the variable. Nothing was started."""


class AudioError(AudioMuseError):
    """One file cannot be heard: record the reason, skip it and go on.

    Attributes
    ----------
    kind : str
        A stable word for the reason, for counting and for programs: ``"empty"``, ``"not-audio"``,
        ``"no-audio-stream"``, ``"corrupt"``, ``"too-short"``, ``"encrypted"``, ``"unsupported-codec"``,
        ``"not-a-file"``, ``"missing"``, ``"timeout"``, ``"crashed"``, ``"too-large"``.
    """

    def __init__(self, message: str, *, kind: str = "corrupt") -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[object, ...]:
        # Crosses process borders with its kind.
        return (_rebuild_audio_error, (type(self), str(self), self.kind))


def _rebuild_audio_error(cls: type[AudioError], message: str, kind: str) -> AudioError:
    return cls(message, kind=kind)


class SignalError(AudioMuseError):
    """An array handed to a signal function is not what its docstring asks for (a caller's bug)."""


class ModelError(AudioMuseError):
    """A model file is missing, damaged, or not of the promised shape: analysis cannot start."""


class ServerError(AudioMuseError):
    """A media server did not do what was asked."""


class ServerUnreachable(ServerError):
    """No answer, or one of a server in trouble (5xx, 429, stall): trying again may help."""


class ServerRefused(ServerError):
    """The server understood and said no (credentials, permission): trying again will not help."""


class PlaylistRefused(ServerRefused):
    """The server accepts us, but not this one playlist: skip it and go on."""


class TrackMissing(ServerError):
    """The server no longer has this track's audio: skip the track and go on."""


class StorageError(AudioMuseError):
    """The database cannot be used (disk full, read-only, newer schema): stop, mend, start again."""


class StorageUnreachable(StorageError):
    """The database does not answer just now (restart, lost connection, long lock): trying again may help."""


class LibraryEmpty(AudioMuseError):
    """There is nothing (yet) to work on, e.g. clustering before any song was analysed."""


class ParameterError(AudioMuseError):
    """A parameter of one run is out of range or contradicts another (min > max)."""


class JobConflict(AudioMuseError):
    """A job of that kind already runs: wait for it or cancel it."""


class NotFound(AudioMuseError):
    """No track, playlist or job has that id."""
