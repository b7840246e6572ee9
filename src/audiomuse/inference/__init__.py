"""The learnt parts of hearing, run by ONNX Runtime."""

from audiomuse.inference.models import Models, MoodHead
from audiomuse.inference.musicnn import MusicnnModel
from audiomuse.inference.session import OnnxModel

__all__ = ["Models", "MoodHead", "MusicnnModel", "OnnxModel"]
