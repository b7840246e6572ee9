"""`python -m audiomuse` is the command line."""

from audiomuse.cli import main

if __name__ == "__main__":
    main()
