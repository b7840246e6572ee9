"""Memory is given back where the C library can, and nothing happens where it cannot."""

import subprocess
import sys

from audiomuse.services import memory

PROGRAM = """
from pathlib import Path
from resource import getpagesize
from audiomuse.services.memory import give_back_free_memory, use_one_heap
def resident(): return int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize()
use_one_heap()
kept = [bytes(1000) for _ in range(100_000)]
pin = bytes(1000)
del kept
held = resident()
give_back_free_memory()
print(held - resident())
"""


def test_what_was_freed_goes_back_to_the_system():
    answer = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(answer.stdout) > 50_000_000 or memory._glibc() is None


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    memory.use_one_heap()
    memory.give_back_free_memory()
