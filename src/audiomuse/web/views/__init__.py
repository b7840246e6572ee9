"""The pages, one module per part of the navigation."""

from audiomuse.web.views import docs, home, library, media, ops, playlists, session, settings, setup

BLUEPRINTS = (
    home.bp,
    playlists.bp,
    library.bp,
    settings.bp,
    setup.bp,
    session.bp,
    media.bp,
    docs.bp,
    ops.bp,
)
