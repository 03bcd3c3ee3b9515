"""Pages as files: PNG, MP4 that browsers play, GIF."""

from collections.abc import Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from PIL import Image

from unflare.events import Array
from unflare.preview.span import FRAME, RATE

NEUTRAL = 128  # of either color difference: gray
PRINT = 300  # dots an inch
QUALITY = {"crf": "20", "preset": "veryfast"}  # of x264: what differs from the pages is not seen


def write_png(path: Path, page: Array) -> None:
    """uint8 (height, width, 3), red green blue."""
    Image.fromarray(page).save(path, dpi=(PRINT, PRINT), optimize=True)


def write_mp4(path: Path, pages: Iterable[Array]) -> None:
    """H.264 with 4:2:0 colors, which every browser plays, of pages of one even size."""
    pages = iter(pages)
    first = next(pages)
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(RATE), options=QUALITY)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        for page in chain([first], pages):
            container.mux(stream.encode(_subsampled(page)))
        container.mux(stream.encode(None))


def write_gif(path: Path, pages: Iterable[Array], colors: Array) -> None:
    """Endless, in at most 256 colors: `colors`, uint8 (n, 3), and the most frequent ones of the first page."""
    pages = iter(pages)
    first = next(pages)
    palette = _palette(first, np.unique(colors, axis=0))
    indexed = (_indexed(page, palette) for page in chain([first], pages))
    next(indexed).save(path, format="GIF", save_all=True, append_images=indexed, duration=FRAME // 1000, loop=0)


def _subsampled(page: Array) -> av.VideoFrame:
    """Each 2 x 2 pixels in the most vivid of their four colors: their mean would leave a single event gray."""
    full = av.VideoFrame.from_ndarray(page, format="rgb24").reformat(format="yuv444p", dst_colorspace=Colorspace.ITU709)
    luma, *chroma = full.to_ndarray()
    height, width = luma.shape
    blocks = [plane.reshape(height // 2, 2, width // 2, 2).swapaxes(1, 2).reshape(-1, 4) for plane in chroma]
    vivid = sum(np.abs(block.astype(int) - NEUTRAL) for block in blocks).argmax(axis=1)
    small = [np.take_along_axis(block, vivid[:, None], axis=1).ravel() for block in blocks]
    planes = np.concatenate([luma.ravel(), *small]).reshape(height * 3 // 2, width)
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")


def _palette(page: Array, colors: Array) -> Image.Image:
    image, palette = Image.fromarray(page), Image.new("P", (1, 1))
    counted = sorted(image.getcolors(image.width * image.height) or [], reverse=True)[: 256 - len(colors)]
    palette.putpalette([*colors.ravel().tolist(), *np.ravel([color for _, color in counted]).tolist()])
    return palette


def _indexed(page: Array, palette: Image.Image) -> Image.Image:
    return Image.fromarray(page).quantize(palette=palette, dither=Image.Dither.NONE)
