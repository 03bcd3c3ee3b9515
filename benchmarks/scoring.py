"""From events in memory to their probabilities in memory, on this machine's device: speed, memory, where the time goes.

On a CPU the shares are of what torch runs; the features, which are not torch's, `benchmarks/features.py` measures.

OMP_WAIT_POLICY=passive PYTHONPATH=tests:benchmarks python benchmarks/scoring.py
"""

import time
from collections.abc import Iterator

import psutil
import torch
from features import RATE, SHAPE, moving_edges
from torch.autograd.profiler_util import FunctionEventAvg
from torch.profiler import ProfilerActivity, profile

from unflare import params, runtime
from unflare.events import Events
from unflare.inference import NetworkScorer
from unflare.network import Classifier

COUNT = {"cpu": 1 << 20, "cuda": 50_000_000}
CHUNK = {"cpu": 1 << 17, "cuda": 1 << 23}  # events that are handed over at a time
PIECE = 5_000_000  # events that the stream repeats, later each time
SHOWN = 14


def stream(count: int, chunk: int) -> Iterator[Events]:
    """`count` events, made and joined before any clock runs."""
    piece = moving_edges(min(count, PIECE))
    span = len(piece) * 1_000_000 // RATE
    for first in range(0, count, chunk):
        numbers = torch.arange(first, min(first + chunk, count)).numpy()
        at, times = numbers % len(piece), numbers // len(piece) * span
        yield Events(piece.t[at] + times, piece.x[at], piece.y[at], piece.p[at], SHAPE).checked()


def score(scorer: NetworkScorer, chunks: list[Events]) -> float:
    """Events a second."""
    start = time.perf_counter()
    count = sum(len(probability) for probability in scorer(chunks))  # each is on the host before the next is asked for
    return count / (time.perf_counter() - start)


def peak(device: torch.device) -> str:
    if device.type == "cpu":
        return f"the process has {psutil.Process().memory_info().rss / 2**20:,.0f} MiB"
    return f"at most {torch.cuda.max_memory_allocated() / 2**20:,.0f} MiB of the device"


def time_of(row: FunctionEventAvg, device: torch.device) -> float:
    """Microseconds, without what was called from it."""
    return float(row.self_device_time_total if device.type == "cuda" else row.self_cpu_time_total)


def main() -> None:
    device = runtime.device()
    network = Classifier(params.load().network, torch.zeros(13), torch.ones(13)).to(device)
    window, on_cuda = params.load().features.window, device.type == "cuda"
    chunks = list(stream(COUNT[device.type], CHUNK[device.type]))
    print(f"{runtime.device_name(device)}, {torch.get_num_threads()} threads, {network.scan}")
    for precision in ("float32", "bfloat16", "float16") if on_cuda else ("float32",):
        scorer = NetworkScorer(network, window, precision=precision)
        score(scorer, chunks[:1])  # compiles
        for part in (chunks[: len(chunks) // 4], chunks):
            if on_cuda:
                torch.cuda.reset_peak_memory_stats()
            rate, events = max(score(scorer, part) for _ in range(2)), sum(map(len, part))
            print(f"{precision}, {events:,} events: {rate / 1e6:.3f} M events/s, {peak(device)}")
        activity = ProfilerActivity.CUDA if on_cuda else ProfilerActivity.CPU
        with profile(activities=[activity], acc_events=True) as found:
            score(scorer, chunks[:1])
        rows = sorted(found.key_averages(), key=lambda row: -time_of(row, device))
        total = sum(time_of(row, device) for row in rows)
        for row in rows[:SHOWN]:
            print(f"  {time_of(row, device) / total:6.1%} {row.count:6} {row.key[:90]}")


if __name__ == "__main__":
    main()
