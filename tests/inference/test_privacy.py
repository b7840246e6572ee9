"""What people listen to is nobody else's business."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_loading_the_models_leaves_no_trace_in_the_home_of_the_user(tmp_path: Path) -> None:
    # ONNX Runtime would make a device id there, with which it reports its use.
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    program = "from audiomuse.inference.session import OnnxModel; import onnxruntime"
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    assert [str(path) for path in tmp_path.rglob("*") if path.is_file()] == []
