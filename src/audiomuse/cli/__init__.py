"""The command line: parse, call one service, answer.

Exit codes: 0 done, 1 failed with a sentence, 2 wrong usage, 130 interrupted.
"""

from audiomuse.cli.main import main

__all__ = ["main"]
