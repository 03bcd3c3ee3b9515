"""A drive's frames of linear irradiance, seen from the car.

The street is a corridor of ground, two facades and sky, so that a pixel's surface and depth never change: driving on
by s metres shifts its texture coordinate by s. One `cv2.remap` a frame draws it all, out of an atlas that holds every
surface at several scales (a pyramid against aliasing). Lamps and vehicles are placed in space and projected.

    X, Y, Z   metres: right, down, ahead of the camera;  u, v  pixels: u = c_u + f X / Z, v = c_v + f Y / Z
"""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from unflare.events import Array
from unflare.synthesis.driving import Drive, Vehicle
from unflare.synthesis.street import METRE, PERIOD, atlas, rear_view

FOCAL = 0.87  # of the image's width, as the cameras of DSEC
HORIZON = 0.45  # of the image's height
EYE = 1.5  # metres above the ground
HALF_STREET = 7.0  # metres
FACADE = 9.0  # metres high
FAR = 120.0  # metres: beyond, haze
REACH = 0.3  # of the spacing of street lamps: how far their light falls on the street
SCALES = 6  # of the atlas, each half as fine as the one before


class Corridor:
    """A drive as a video. Kept is what does not change: the surfaces, each pixel's place in the atlas, its light."""

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        height, width = drive.shape
        self._focal, self._centre = FOCAL * width, (width / 2, HORIZON * height)
        self._texture = atlas(drive.seed, drive.contrast, HALF_STREET, FACADE, SCALES)
        v, u = np.mgrid[:height, :width].astype(np.float64)
        across, down = (u - self._centre[0] + 0.5) / self._focal, (v - self._centre[1] + 0.5) / self._focal
        depth, row = _surfaces(across, down)
        self._open_sky = np.isinf(depth)
        depth = np.minimum(depth, FAR)
        scale = _scale(depth, across, down, self._focal)
        rows = len(self._texture) // SCALES
        self._row = (scale * rows + np.where(self._open_sky, 0, row) * METRE).astype(np.float32)
        self._column = (depth * METRE % PERIOD).astype(np.float32)
        light = drive.ambient + drive.headlight * np.exp(-(across**2) / 0.08) * np.minimum(1, (10 / depth) ** 2)
        haze = np.clip(depth / FAR, 0, 1) ** 2
        self._light = (light * (1 - haze)).astype(np.float32)
        self._glow = np.where(self._open_sky, drive.sky, 0.5 * drive.ambient * haze).astype(np.float32)
        self._light[self._open_sky] = 0
        self._place = (depth / drive.lamp_spacing).astype(np.float32)
        self._pool = (drive.pool * (1 - haze) * ~self._open_sky).astype(np.float32)
        self._backs = [rear_view(vehicle.seed) for vehicle in drive.vehicles]

    def frames(self, times: Iterable[int]) -> Iterator[tuple[int, Array]]:
        """(time in us, frame float32 (h, w)) at these times."""
        for t in times:
            yield int(t), self._frame(t / 1e6)

    def _frame(self, t: float) -> Array:
        travelled = self._drive.speed * t
        column = self._column + np.float32(travelled * METRE % PERIOD)
        frame = cv2.remap(self._texture, column, self._row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        frame *= self._light + self._pools(travelled, t) if self._drive.pool else self._light
        frame += self._glow
        for vehicle, back in self._by_distance(t):
            self._draw_vehicle(frame, vehicle, back, t)
        self._draw_lamps(frame, travelled, np.float32(self._drive.power(t)))
        return self._swayed(frame, t)

    def _by_distance(self, t: float) -> list[tuple[Vehicle, Array]]:
        pairs = zip(self._drive.vehicles, self._backs, strict=True)
        return sorted(pairs, key=lambda pair: -(pair[0].ahead + pair[0].speed * t))

    def _draw_vehicle(self, frame: Array, vehicle: Vehicle, back: Array, t: float) -> None:
        """A billboard 1.8 m by 1.5 m of (reflectance, lamp, cover), placed at sub-pixel accuracy."""
        z = vehicle.ahead + vehicle.speed * t
        if not 4 < z < FAR:
            return
        scale = self._focal / z
        left, top = self._centre[0] + (vehicle.side - 0.9) * scale, self._centre[1] + (EYE - 1.5) * scale
        x0, y0 = max(0, int(left) - 1), max(0, int(top) - 1)
        x1, y1 = min(frame.shape[1], int(left + 1.8 * scale) + 2), min(frame.shape[0], int(top + 1.5 * scale) + 2)
        if x1 - x0 < 2 or y1 - y0 < 2:
            return
        shrink = 1.8 * scale / back.shape[1]
        reduced = (
            back if shrink > 0.5 else cv2.resize(back, None, fx=2 * shrink, fy=2 * shrink, interpolation=cv2.INTER_AREA)
        )
        shrink = 1.8 * scale / reduced.shape[1]
        place = np.array([[shrink, 0, left - x0], [0, shrink, top - y0]])
        seen = cv2.warpAffine(reduced, place, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
        light = self._drive.ambient + self._drive.headlight * min(1.0, (10 / z) ** 2)
        patch = frame[y0:y1, x0:x1]
        patch *= 1 - seen[..., 2]
        patch += seen[..., 0] * light + seen[..., 1] * vehicle.lights

    def _pools(self, travelled: float, t: float) -> Array:
        """The light of the street lamps on the street: the more, the nearer a surface is to a lamp's foot."""
        place = self._place + np.float32(travelled / self._drive.lamp_spacing)
        place -= np.rint(place)
        place *= place
        place *= np.float32(-1 / REACH**2)
        light: Array = cv2.exp(place)
        light *= self._pool * np.float32(self._drive.power(t))
        return light

    def _draw_lamps(self, frame: Array, travelled: float, power: np.float32) -> None:
        """Street lamps 6 m up on either side: blobs that keep their light when they are smaller than a pixel."""
        if not self._drive.lamp:
            return
        spacing = self._drive.lamp_spacing
        for z in np.arange(spacing - travelled % spacing, FAR, spacing):
            for side in (-1, 1):
                if z > 4:
                    u = self._centre[0] + side * (HALF_STREET - 1) * self._focal / z
                    v = self._centre[1] - (6 - EYE) * self._focal / z
                    _add_blob(frame, u, v, 0.12 * self._focal / z, self._drive.lamp * power * np.exp(-z / FAR))

    def _swayed(self, frame: Array, t: float) -> Array:
        du, dv = (
            amount * np.sin(2 * np.pi * hertz * t + phase)
            for amount, hertz, phase in zip(self._drive.sway, self._drive.sway_hertz, (0.0, 1.3), strict=True)
        )
        move = np.array([[1, 0, du], [0, 1, dv]])
        moved: Array = cv2.warpAffine(
            frame, move, frame.shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return moved.clip(0, 255, out=moved)


def _surfaces(across: Array, down: Array) -> tuple[Array, Array]:
    """Depth in metres of what each pixel sees (infinite: sky), and its row in the atlas in metres."""
    with np.errstate(divide="ignore"):
        ground = np.where(down > 0, EYE / down, np.inf)
        wall = HALF_STREET / np.abs(across)
    is_wall = wall < ground
    depth = np.minimum(ground, wall)
    height = EYE - down * wall
    depth = np.where(is_wall & (height > FACADE), np.inf, depth)
    side = np.where(across < 0, 2 * HALF_STREET, 2 * HALF_STREET + FACADE)
    reached = np.minimum(depth, 1e3)
    row = np.where(
        is_wall, side + np.clip(height, 0, FACADE), HALF_STREET + np.clip(across * reached, -HALF_STREET, HALF_STREET)
    )
    return depth, row


def _scale(depth: Array, across: Array, down: Array, focal: float) -> Array:
    """The scale of the atlas whose texels are about as large as the pixel's footprint along the street."""
    steepness = np.maximum(np.abs(down) / EYE, np.abs(across) / HALF_STREET)
    footprint = depth * np.maximum(1.0, 1 / np.maximum(steepness * depth, 1e-3)) / focal
    along = 1 / np.maximum(steepness, 1 / FAR) ** 2 * steepness / focal
    scale: Array = np.round(np.log2(np.maximum(np.maximum(footprint, along) * METRE, 1)))
    return scale.clip(0, SCALES - 1)


def _add_blob(frame: Array, u: float, v: float, radius: float, peak: float) -> None:
    sigma = max(radius, 0.8)
    reach = int(4 * sigma) + 1
    x0, x1 = max(0, int(u) - reach), min(frame.shape[1], int(u) + reach + 2)
    y0, y1 = max(0, int(v) - reach), min(frame.shape[0], int(v) + reach + 2)
    if x0 >= x1 or y0 >= y1:
        return
    column = np.exp(-((np.arange(x0, x1) + 0.5 - u) ** 2) / (2 * sigma**2))
    row = np.exp(-((np.arange(y0, y1) + 0.5 - v) ** 2) / (2 * sigma**2))
    frame[y0:y1, x0:x1] += (peak * min(1.0, (radius / sigma) ** 2) * row[:, None] * column).astype(np.float32)
