"""Reading long lists page by page, while they may change under our feet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Item = Mapping[str, Any]

AskPage = Callable[[int, int], tuple[list[Item], int | None]]
"""Gives the items for (start index, limit), and how long the whole list is; None if the server is silent."""


_MOST_SHRINKS = 100  # a server that makes its totals up would never end


def every_page(ask: AskPage, *, page_size: int) -> Iterator[Item]:
    """Yield every item of a list as it stands, repetitions included.

    Parameters
    ----------
    ask : callable
        Asks for one page.
    page_size : int > 0
        Items in a page at most.
    """
    start = 0
    while True:
        items, total = ask(start, page_size)
        yield from items
        start += len(items)
        if _at_end(items, start, total, page_size):
            return


def every_item(ask: AskPage, *, page_size: int, id_field: str) -> Iterator[Item]:
    """Yield every item of a library once.

    Items that move to a later page are not repeated. When the list gets shorter, the next page starts as
    much earlier, so that nothing that moved to an earlier page is skipped. The server's total is only a
    hint: it may be missing or wrong.

    Parameters
    ----------
    ask : callable
        Asks for one page.
    page_size : int > 0
        Items in a page at most.
    id_field : str
        What tells items apart.
    """
    seen: set[str] = set()
    start, known_total, pages_without_news, n_shrunk = 0, 0, 0, 0
    while True:
        items, total = ask(start, page_size)
        shrunk_by = max(0, known_total - total) if total else 0
        known_total = total or 0
        if shrunk_by and n_shrunk < _MOST_SHRINKS:
            # This page began too late; ask for the one that begins where its first item must be now.
            n_shrunk += 1
            start = max(0, start - shrunk_by)
            continue
        fresh = [item for item in items if item[id_field] not in seen]
        seen.update(item[id_field] for item in fresh)
        yield from fresh
        pages_without_news = 0 if fresh else pages_without_news + 1
        start += len(items)
        # A server that gives the same page for every start index would never end.
        if pages_without_news > 2 or _at_end(items, start, total, page_size):
            return


def _at_end(items: list[Item], start: int, total: int | None, page_size: int) -> bool:
    """Tell whether nothing follows; a short page alone does not say so, servers have limits of their own."""
    return not items or (bool(total) and start >= (total or 0) and len(items) < page_size)
