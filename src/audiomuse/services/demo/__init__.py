"""The demo library: a few dozen made-up songs in clearly different styles, rendered on the spot.

Everything is computed from a seed, so there is no licence to mind and nothing to download.
"""

from audiomuse.services.demo.library import DemoSong, render_demo_library

__all__ = ["DemoSong", "render_demo_library"]
