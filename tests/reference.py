"""Slow, obvious versions of what the package does fast."""

import math
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from unflare.events import Events
from unflare.params import Sensor


def ms_to_idx(t: np.ndarray) -> list[int]:
    """For every millisecond up to the last event's, how many events come before it."""
    return [sum(time < 1000 * ms for time in t.tolist()) for ms in range(int(t[-1]) // 1000 + 1)]


def extract(events: Events, window: int) -> np.ndarray:
    """The table of `unflare.features.pfd`, a row at a time: every event looks at all events before it."""
    height, width = events.shape
    fired = list(
        zip(events.t.tolist(), events.x.tolist(), events.y.tolist(), (2.0 * events.p - 1).tolist(), strict=True)
    )
    flips: list[bool] = []
    rows = []

    def compressed(age: int | None) -> float:
        return math.log1p(min(age, window)) / math.log1p(window) if age is not None else 1.0

    for i, (t, x, y, p) in enumerate(fired):
        mine = [j for j in range(i) if fired[j][1:3] == (x, y)]
        flips.append(bool(mine) and t - fired[mine[-1]][0] <= window and fired[mine[-1]][3] != p)
        recent = [j for j in range(i + 1) if t - fired[j][0] <= window]
        around = [j for j in recent if max(abs(fired[j][1] - x), abs(fired[j][2] - y)) == 1]
        latest = {fired[j][1:3]: j for j in around}
        witnesses = [fired[j][3] for j in latest.values() if t - fired[j][0] <= window * 3 // 25]
        Mf = sum(flips[j] for j in recent if fired[j][1:3] == (x, y))
        Ma, Ne = sum(flips[j] for j in around), len(latest)
        cell = [fired[j][3] for j in recent if (fired[j][1] // 16, fired[j][2] // 16) == (x // 16, y // 16)]
        cells = math.ceil(width / 16) * math.ceil(height / 16)
        rows.append(
            [
                (2 * x - (width - 1)) / max(width - 1, 1),
                (2 * y - (height - 1)) / max(height - 1, 1),
                p,
                compressed(t - fired[i - 1][0] if i else None),
                compressed(t - fired[mine[-1]][0] if mine else None),
                math.log1p(Mf),
                math.log1p(Ma),
                Ne / 8,
                p * sum(witnesses) / max(len(witnesses), 1),
                math.log1p(abs(Mf - Ma / max(Ne, 1))),
                math.log1p(Ma / max(Ne, 1)),
                p * sum(cell) / len(cell),
                math.log1p(len(cell)) - math.log1p(len(recent) / cells),
            ]
        )
    return np.array(rows).reshape(-1, 13)


def sensor(*k: float, **extras: float) -> Sensor:
    """The model's constants, and what real sensors add, nothing of it unless said."""
    off = dict.fromkeys(("mismatch", "cutoff", "refractory", "hot_share", "hot_rate", "background_rate"), 0)
    return Sensor.model_validate({"k": k} | off | extras)


def simulate_plainly(video: Iterable[tuple[int, np.ndarray]], sensor: Sensor, seed: int) -> Events:
    """DVS-Voltmeter and what real sensors add, pixel by pixel, with numpy's generators for every law."""
    rng = np.random.default_rng(seed)
    frames = list(video)
    height, width = frames[0][1].shape
    found = []
    for y, x in np.ndindex(height, width):
        lights = [(t, float(frame[y, x])) for t, frame in frames]
        found += [(t, x, y, p) for t, p in _pixel(lights, sensor, rng)]
    t, x, y, p = (np.array(column) for column in zip(*sorted(found), strict=True))
    return Events(t.astype(np.int64), x.astype(np.uint16), y.astype(np.uint16), p.astype(np.uint8), (height, width))


def simulate_by_frames(video: Iterable[tuple[int, np.ndarray]], sensor: Sensor, seed: int) -> int:
    """The number of events of DVS-Voltmeter alone, vectorised: all pixels at once, then those that fired, and so on."""
    rng = np.random.default_rng(seed)
    k1, k2, k3, k4, k5, k6 = sensor.k
    found, voltage = 0, None
    for (t_a, a), (t_b, b) in pairwise(video):
        a, b, span = a.ravel().astype(float), b.ravel().astype(float), t_b - t_a
        light, left = (a + b) / 2, np.full(a.size, float(span))
        drift = k1 * np.log((b + k2) / (a + k2)) / span + k4 + k5 * light
        noise = k3 * np.sqrt(light) / (light + k2) + k6
        voltage = rng.uniform(-1, 1, a.size) if voltage is None else voltage
        here = np.arange(a.size)
        while here.size:
            v, mu, s2 = voltage[here], np.abs(drift[here]), noise[here] ** 2
            along = np.where(drift[here] < 0, -1.0, 1.0)
            odds = np.expm1(-2 * mu * (1 + along * v) / s2) / np.expm1(-4 * mu / s2)
            sign = np.where(rng.random(here.size) < odds, along, -along)
            distance = 1 - sign * v
            wait = rng.wald(distance / mu, distance**2 / s2)
            fires = wait < left[here]
            voltage[here] = np.where(fires, 0, v + sign * distance * left[here] / wait)
            left[here] -= wait
            found += int(fires.sum())
            here = here[fires]
    return found


def _pixel(lights: list[tuple[int, float]], sensor: Sensor, rng: np.random.Generator) -> list[tuple[int, int]]:
    k1, k2, k3, k4, k5, k6 = sensor.k
    threshold = max(0.05, rng.normal(1, sensor.mismatch))
    hot = rng.random() < sensor.hot_share
    rate = 1e-6 * (sensor.background_rate + hot * sensor.hot_rate)
    disturbance = rng.exponential(1 / rate) if rate else math.inf
    voltage, sees, found = rng.uniform(-1, 1), 0.0, []
    receptor = math.log(lights[0][1] + k2)
    for (t_a, a), (t_b, b) in pairwise(lights):
        light, before, span = (a + b) / 2, receptor, t_b - t_a
        receptor = _passed(receptor, math.log(a + k2), math.log(b + k2), span, sensor.cutoff * (light + 20) / 275)
        drift = (k1 * (receptor - before) / span + k4 + k5 * light) / threshold
        noise = (k3 * np.sqrt(light) / (light + k2) + k6) / threshold
        now = max(float(t_a), sees)
        while now < t_b:
            while disturbance < now:
                disturbance += rng.exponential(1 / rate)
            up, down = 1 - voltage, 1 + voltage
            with np.errstate(over="ignore", invalid="ignore"):
                odds = np.expm1(-2 * drift * down / noise**2) / np.expm1(-4 * drift / noise**2)
            sign = 1 if rng.random() < (odds if np.isfinite(odds) else float(drift > 0)) else -1
            distance = up if sign > 0 else down
            wait = rng.wald(distance / abs(drift), (distance / noise) ** 2)
            if now + wait >= min(t_b, disturbance):
                if disturbance >= t_b:
                    voltage += sign * distance * (t_b - now) / wait
                    break
                wait, sign = disturbance - now, 1 if hot or rng.random() < 0.5 else -1
                disturbance += rng.exponential(1 / rate)
            now, voltage = now + wait, 0.0
            found.append((round(now), int(sign > 0)))
            now = sees = now + sensor.refractory
    return found


def _passed(receptor: float, a: float, b: float, span: float, cutoff: float) -> float:
    """What a first-order low pass makes of a ramp from a to b, in a thousand steps."""
    for step in range(1000 if cutoff else 0):
        follow = -math.expm1(-2e-6 * math.pi * cutoff * span / 1000)
        receptor += (a + (b - a) * (step + 0.5) / 1000 - receptor) * follow
    return receptor if cutoff else b


def selective_scan(  # noqa: PLR0913
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, h: Tensor
) -> tuple[Tensor, Tensor]:
    """The recurrence, a step at a time: h = exp(Δ A) h + Δ u B, y = C h + D u; outputs and the last state."""
    y = []
    for u_t, delta_t, B_t, C_t in zip(u.unbind(1), delta.unbind(1), B.unbind(1), C.unbind(1), strict=True):
        h = torch.exp(delta_t[..., None] * A) * h + (delta_t * u_t)[..., None] * B_t[:, None]
        y.append((h * C_t[:, None]).sum(-1) + D * u_t)
    return torch.stack(y, 1), h


def neighbor_ages(events: Events, *, same: bool) -> list[list[float]]:
    """Ages of the last event of each of an event's 8 neighbors, ascending; `same`: of its own polarity only."""
    fired = list(zip(events.t.tolist(), events.x.tolist(), events.y.tolist(), events.p.tolist(), strict=True))
    rows = []
    for i, (t, x, y, p) in enumerate(fired):
        latest = {(u, v): s for s, u, v, q in fired[:i] if max(abs(u - x), abs(v - y)) == 1 and (q == p or not same)}
        ages = sorted(float(t - s) for s in latest.values())
        rows.append(ages + [math.inf] * (8 - len(ages)))
    return rows


def kept_by_correlation(events: Events, window: int, support: int) -> list[bool]:
    """The background-activity filter's rule (support 1), and that of the spatiotemporal correlation filter."""
    return [ages[support - 1] <= window for ages in neighbor_ages(events, same=False)]


def kept_by_polarity(events: Events, window: int, score: str) -> list[bool]:
    """Polarity-focused denoising, event by event: the rule with its two stages."""
    values = extract(events, window)
    column = values[:, 9 if score == "A" else 10]
    coarse = [ages[0] <= window for ages in neighbor_ages(events, same=True)]
    return [
        near and round(8 * ne) >= 3 and math.expm1(value) <= 1 + 1e-9
        for near, ne, value in zip(coarse, values[:, 7], column, strict=True)
    ]


def around(events: Events, i: int) -> list[tuple[int, float, int]]:
    """Age of the last event of either polarity, and of any, of the 3x3 pixels: polarity, age and which is the last."""
    t, x, y = (column.tolist() for column in (events.t, events.x, events.y))
    latest: dict[tuple[int, int], dict[int, int]] = {}
    for j in range(i):
        if max(abs(x[j] - x[i]), abs(y[j] - y[i])) <= 1:
            latest.setdefault((x[j], y[j]), {})[int(events.p[j])] = j
    return [(p, t[i] - t[j], max(of.values()) == j) for of in latest.values() for p, j in of.items()]


def freshness(events: Events, tau: float) -> list[float]:
    """Mean of exp(-age / tau) over the 3x3 pixels that have had an event of the polarity; 0 without any."""
    rows = [[math.exp(-age / tau) for p, age, _ in around(events, i) if p == events.p[i]] for i in range(len(events))]
    return [sum(row) / len(row) if row else 0.0 for row in rows]


def kept_by_density(events: Events, window: int, support: int) -> list[bool]:
    """Event density: pixels of the 3x3 whose very last event is of the polarity and in the window."""
    return [
        sum(p == events.p[i] and last and age <= window for p, age, last in around(events, i)) >= support
        for i in range(len(events))
    ]


def two_sided(estimate: Events, truth: Events) -> tuple[float, float]:
    """Chamfer and Gaussian distance both ways on the fixed scale, of every pair of events; neither stream is empty."""
    height, width = truth.shape
    scaled = [
        np.stack([e.x * 100 / width, e.y * 100 / height, e.t / 1000, e.p * 100.0], axis=1) for e in (estimate, truth)
    ]
    apart = np.minimum(np.sqrt(((scaled[0][:, None] - scaled[1][None]) ** 2).sum(axis=2)), 100)
    ways = [apart.min(axis=1), apart.min(axis=0)]
    chamfer, gaussian = ([way.mean(), (1 - np.exp(-(way**2) / 0.4)).mean()] for way in ways)
    return (chamfer[0] + gaussian[0]) / 2, (chamfer[1] + gaussian[1]) / 2


def voxels_on_the_clock(estimate: Events, truth: Events, span: tuple[int, int]) -> dict[str, float]:
    """The voxel metrics on one clock, with dense arrays; the sensor's sides are multiples of 4."""
    bins = -(-(span[1] - span[0]) // 20_000) * 8
    grids = np.zeros((2, bins, *truth.shape))
    for grid, events in zip(grids, (estimate, truth), strict=True):
        for t, x, y, p in zip(events.t, events.x, events.y, events.p, strict=True):
            if span[0] <= t <= span[1]:
                grid[min((t - span[0]) // 2500, bins - 1), y, x] += 2.0 * p - 1
    split = np.stack([np.maximum(grids, 0), np.maximum(-grids, 0)], axis=2)  # stream, bin, polarity
    found = {"clock_mse": float(((grids[0] - grids[1]) ** 2).mean())}
    for side in (2, 4):
        rows, columns = (length // side for length in truth.shape)
        pooled = split.reshape(2, bins, 2, rows, side, columns, side).mean(axis=(4, 6))
        found[f"clock_pmse_{side}"] = float(((pooled[0] - pooled[1]) ** 2).mean())
    stretches = split.reshape(2, bins // 8, 8, 2, *truth.shape)
    for name, axes in (("rf1", ()), ("tf1", (2,)), ("tpf1", (2, 3))):
        a, b = stretches.sum(axis=axes) > 0 if axes else stretches > 0
        found[f"clock_{name}"] = float(2 * (a & b).sum() / (a.sum() + b.sum()))
    return found


def structural_ratio(x: list[int], y: list[int], shape: tuple[int, int]) -> float:
    """ESR of one packet, pixel by pixel."""
    number, pixels = len(x), shape[0] * shape[1]
    count = {place: 0 for place in np.ndindex(shape)}
    for place in zip(y, x, strict=True):
        count[place] += 1
    share = math.floor(2 * number / 3) / number
    structure = sum(n * (n - 1) for n in count.values()) / (number * (number - 1))
    return math.sqrt(structure * (pixels - sum((1 - share) ** n for n in count.values())))
