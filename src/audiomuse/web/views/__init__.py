"""The pages, one module per part of the navigation."""

from audiomuse.web.views import about, docs, home, library, media, ops, playlists, session, settings, setup

BLUEPRINTS = (
    home.bp,
    playlists.bp,
    library.bp,
    settings.bp,
    setup.bp,
    session.bp,
    media.bp,
    docs.bp,
    about.bp,
    ops.bp,
)
