"""How much structure a stream has, without a truth."""

import math

import numpy as np

from unflare.events import Events

PACKET = 30_000  # events


def event_structural_ratio(events: Events) -> float | None:
    """ESR of Ding et al., "E-MLB: Multilevel Benchmark for Event-Based Camera Denoising", TMM 2023; its first version.

    Of a packet of N = 30,000 consecutive events, of which n_i are at pixel i of K, whatever their polarity, with
    M = floor(2 N / 3):

        NTSS = sum n_i (n_i - 1) / (N (N - 1)),    L_N = K - sum (1 - M/N)^n_i,    ESR = sqrt(NTSS L_N),

    both sums over all pixels. The mean over packets; an incomplete last one is left out. None if there is no other.
    """
    height, width = events.shape
    pixel, share = events.y.astype(np.int64) * width + events.x, math.floor(2 * PACKET / 3) / PACKET
    ratios = []
    for first in range(0, len(events) - PACKET + 1, PACKET):
        n = np.bincount(pixel[first : first + PACKET], minlength=height * width)
        structure = float((n * (n - 1)).sum()) / (PACKET * (PACKET - 1))
        ratios.append(math.sqrt(structure * float((1 - (1 - share) ** n[n > 0]).sum())))
    return math.fsum(ratios) / len(ratios) if ratios else None
