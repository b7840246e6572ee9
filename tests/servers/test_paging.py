"""Long lists that change while they are read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiomuse.servers.paging import Item, every_item, every_page


def library(
    ids: list[str], *, total: Callable[[int], int | None] = lambda n: n
) -> Callable[..., tuple[list[Item], int | None]]:
    """Answer pages of a list that the test may change meanwhile."""

    def ask(start: int, limit: int) -> tuple[list[Item], int | None]:
        return [{"Id": id_} for id_ in ids[start : start + limit]], total(len(ids))

    return ask


def read(ask: Callable[..., tuple[list[Item], int | None]], page_size: int = 3) -> list[str]:
    return [item["Id"] for item in every_item(ask, page_size=page_size, id_field="Id")]


@given(n=st.integers(0, 30), page_size=st.integers(1, 12))
def test_every_item_comes_once_in_order(n: int, page_size: int) -> None:
    ids = [str(number) for number in range(n)]
    assert read(library(ids), page_size) == ids
    pages = every_page(library(ids), page_size=page_size)
    assert [item["Id"] for item in pages] == ids


@pytest.mark.parametrize("total", [None, 0, 1, 7, 10_000])
def test_the_total_is_only_a_hint(total: int | None) -> None:
    ids = [str(number) for number in range(10)]
    assert read(library(ids, total=lambda n: total)) == ids


def test_what_is_added_meanwhile_repeats_nothing() -> None:
    ids = [str(number) for number in range(9)]
    ask = library(ids)
    read_ids = []
    for item in every_item(ask, page_size=3, id_field="Id"):
        read_ids.append(item["Id"])
        if item["Id"] == "2":
            ids.insert(0, "new")  # the newest come first: all others move to a later place
    assert read_ids == [str(number) for number in range(9)]


def test_what_is_removed_meanwhile_hides_nothing() -> None:
    ids = [str(number) for number in range(12)]
    ask = library(ids)
    read_ids = []
    for item in every_item(ask, page_size=3, id_field="Id"):
        read_ids.append(item["Id"])
        if item["Id"] == "5":
            del ids[:2]  # all others move to an earlier place, beyond the next page's start
    assert read_ids == [str(number) for number in range(12)]


def test_a_server_with_a_smaller_page_than_asked_for_is_read_to_its_end() -> None:
    ids = [str(number) for number in range(10)]

    def ask(start: int, limit: int) -> tuple[list[Item], int | None]:
        return [{"Id": id_} for id_ in ids[start : start + min(limit, 2)]], None

    assert read(ask, page_size=500) == ids


def test_a_server_that_always_gives_the_first_page_does_not_go_on_for_ever() -> None:
    assert read(lambda start, limit: ([{"Id": "1"}, {"Id": "2"}, {"Id": "3"}], 1000)) == ["1", "2", "3"]


def test_a_list_as_it_stands_keeps_repetitions() -> None:
    pages = every_page(library(["1", "1", "2"]), page_size=2)
    assert [item["Id"] for item in pages] == ["1", "1", "2"]
