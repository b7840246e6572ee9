"""A large thing is made once, kept while it is asked for, and let go afterwards."""

import gc
import threading
import weakref

import pytest

from audiomuse.services.kept import Kept


class Large:
    """Something whose end can be seen."""


def test_it_is_made_once_for_each_key_in_turn():
    made = []
    kept = Kept[str](60)
    for key in ("a", "a", "b", "a"):
        assert kept.get(key, lambda key=key: made.append(key) or key) == key
    assert made == ["a", "b", "a"]


def test_nothing_is_kept_of_what_could_not_be_made():
    kept = Kept[str](60)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: str(1 / 0))
    assert kept.get("a", lambda: "better") == "better"


def test_it_is_let_go_when_nobody_asks():
    gone = threading.Event()
    kept = Kept[Large](0.05)
    weakref.finalize(kept.get("a", Large), gone.set)
    gc.collect()
    assert gone.wait(60)


def test_whoever_still_holds_it_may_go_on():
    kept = Kept[Large](0.01)
    held = kept.get("a", Large)
    while kept.get("a", Large) is held:  # each asking keeps it a moment longer
        gone = threading.Event()
        gone.wait(0.05)
    assert isinstance(held, Large)
