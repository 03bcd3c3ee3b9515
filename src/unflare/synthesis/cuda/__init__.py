"""The simulator of `voltmeter.py` on a CUDA device: the same model, other draws.

A chunk of frames is one launch, in which every pixel keeps its state in registers and writes its events into slots of
its own. Gathered pixel by pixel and stably sorted by time, they are in the CPU form's order: by time, ties by pixel.
Where a pixel has more events than slots, the launch is repeated with as many as it counted. The bits are a function of
the video, the sensor and the seed, whatever the chunks are.
"""

from unflare.synthesis.cuda.columns import Fired
from unflare.synthesis.cuda.simulator import fired, simulate

__all__ = ["Fired", "fired", "simulate"]
