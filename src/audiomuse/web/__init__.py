"""The page and the JSON API: parse, call one service, answer."""

from audiomuse.web.app import create_app, serve

__all__ = ["create_app", "serve"]
