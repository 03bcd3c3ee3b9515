"""Frames of linear irradiance of things that move before a wall: drawn back to front at sub-pixel accuracy.

A ball mirrors the room about it, so that what shines in the room slides over the ball as it moves: the ray that leaves
it at (u, v) of its unit disc, with n = sqrt(1 - u² - v²), goes on in the direction 2 n (u, v).
"""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import cv2
import numpy as np

from unflare.events import Array
from unflare.synthesis.ground import Wall
from unflare.synthesis.objects import Objects
from unflare.synthesis.things import ROOM, Thing, picture, room

SLIDE = 0.3  # pixels of the room that a reflection moves on by for every pixel of the ball
SHARP = 4.0  # pixels of the room that a pixel of a ball shows in its middle, half of them, at most
LEAVING = 3.0  # radii beyond the edge of the frame at which a thing has left it, however it has grown
GLINT = 0.08  # radians within which a flat thing glints
WHITE = 255.0


class _Place(NamedTuple):
    """Of a thing in the frame: pixels, radians, and its size in units of its picture's."""

    x: float
    y: float
    angle: float
    size: float


class _Box(NamedTuple):
    """A rectangle of the frame, right and lower edges not included."""

    x0: int
    y0: int
    x1: int
    y1: int


class Tableau:
    """Things before a wall as a video. Kept are the pictures of the things, the wall and the room."""

    def __init__(self, objects: Objects) -> None:
        self._objects, self._camera = objects, objects.camera
        self._wall = Wall(objects.ground, objects.camera)
        self._pictures = [picture(thing) for thing in objects.things]
        self._room = room(objects.seed, objects.ground.ambient)

    def frames(self, times: Iterable[int]) -> Iterator[tuple[int, Array]]:
        """(time in us, frame float32 (h, w)) at these times."""
        for t in times:
            yield int(t), self._frame(int(t) / 1e6)

    def _frame(self, t: float) -> Array:
        affine = self._camera.affine(t)
        frame = self._wall.view(affine)
        for thing, image in zip(self._objects.things, self._pictures, strict=True):
            self._draw(frame, thing, image, self._seen(thing, affine, t))
        return np.minimum(frame, WHITE, out=frame)

    def _seen(self, thing: Thing, affine: Array, t: float) -> _Place:
        """Where a thing is in the frame. Who leaves the frame comes back on the other side of it."""
        pose = thing.motion.pose(np.asarray(t))
        middle, margin = affine[:, :2] @ (pose.x, pose.y) + affine[:, 2], LEAVING * thing.radius + 8
        x, y = (middle + margin) % (np.array(self._objects.shape[::-1]) + 2 * margin) - margin
        turn, size = math.atan2(affine[1, 0], affine[0, 0]), math.hypot(affine[0, 0], affine[1, 0])
        return _Place(float(x), float(y), float(pose.angle) + turn, float(pose.size) * size)

    def _draw(self, frame: Array, thing: Thing, image: Array, place: _Place) -> None:
        box = self._box(place, place.size * len(image) / math.sqrt(2))
        if box is None:
            return
        x0, y0, x1, y1 = box
        c, s = place.size * math.cos(place.angle), place.size * math.sin(place.angle)
        turn = np.array([[c, -s], [s, c]])
        middle = (len(image) - 1) / 2
        matrix = np.column_stack([turn, (place.x - x0 - 0.5, place.y - y0 - 0.5) - turn @ (middle, middle)])
        seen = cv2.warpAffine(image, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
        light, cover = self._wall.light[y0:y1, x0:x1], seen[..., 2]
        patch = frame[y0:y1, x0:x1]
        patch *= 1 - cover
        if thing.form == "ball":
            patch += cover * self._mirrored(thing, place, box) * np.float32(thing.gloss)
            patch += seen[..., 0] * light * np.float32(1 - thing.gloss)
        else:
            patch += seen[..., 0] * light * np.float32(1 + thing.gloss * _glint(place.angle))
        if thing.lamp:
            patch += seen[..., 1] * np.float32(thing.lamp)

    def _box(self, place: _Place, reach: float) -> _Box | None:
        """The part of the frame within that many pixels; None where it is empty."""
        height, width = self._objects.shape
        x0, y0 = max(0, math.floor(place.x - reach)), max(0, math.floor(place.y - reach))
        x1, y1 = min(width, math.ceil(place.x + reach)), min(height, math.ceil(place.y + reach))
        return _Box(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None

    def _mirrored(self, thing: Thing, place: _Place, box: _Box) -> Array:
        """The room in a ball: irradiance float32 of the box."""
        radius = thing.radius * place.size
        u = ((np.arange(box.x0, box.x1, dtype=np.float32) + np.float32(0.5 - place.x)) / np.float32(radius))[None, :]
        v = ((np.arange(box.y0, box.y1, dtype=np.float32) + np.float32(0.5 - place.y)) / np.float32(radius))[:, None]
        reach = np.float32(min(0.35 * ROOM, SHARP * radius))
        n = np.sqrt(np.maximum(0, 1 - u * u - v * v))
        column, row = (
            (0.5 * ROOM + reach * 2 * n * part - SLIDE * along).astype(np.float32)
            for part, along in ((u, place.x), (v, place.y))
        )
        mirrored: Array = cv2.remap(self._room, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return mirrored


def _glint(angle: float) -> float:
    """0 to 1: a flat thing mirrors the light twice a turn."""
    away = (angle + math.pi / 2) % math.pi - math.pi / 2
    return math.exp(-((away / GLINT) ** 2))
