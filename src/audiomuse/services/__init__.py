"""Use cases: what AudioMuse can do, knowing no framework."""
