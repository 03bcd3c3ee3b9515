"""Event streams, their files, and scenes with a truth."""

from unflare.events.archives import unpacked
from unflare.events.aside import aside
from unflare.events.files import load, open_recording
from unflare.events.flare7k import FlarePair
from unflare.events.index import EMBEDDED, Index, Sequence, build
from unflare.events.recording import Recording
from unflare.events.scene import Scene, is_scene, load_scene, save_scene, scene_paths
from unflare.events.scorer import Scorer
from unflare.events.splits import SPLITS, Split
from unflare.events.stream import Array, Events, empty, merge
from unflare.events.writing import write_dsec, write_rectify_map

__all__ = [
    "EMBEDDED",
    "SPLITS",
    "Array",
    "Events",
    "FlarePair",
    "Index",
    "Recording",
    "Scene",
    "Scorer",
    "Sequence",
    "Split",
    "aside",
    "build",
    "empty",
    "is_scene",
    "load",
    "load_scene",
    "merge",
    "open_recording",
    "save_scene",
    "scene_paths",
    "unpacked",
    "write_dsec",
    "write_rectify_map",
]
