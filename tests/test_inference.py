"""Laws of scoring: a probability for every event, whatever the chunks and the window."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from unflare.events import Events, empty
from unflare.features import PixelState, extract
from unflare.inference import NetworkScorer
from unflare.network import Classifier
from unflare.params import Network

HORIZON = 25_000  # us


def recording(count: int = 3000) -> Events:
    rng = np.random.default_rng(0)
    return Events(
        np.sort(rng.integers(0, 200_000, count)),
        rng.integers(0, 32, count, np.uint16),
        rng.integers(0, 24, count, np.uint16),
        rng.integers(0, 2, count, np.uint8),
        (24, 32),
    )


def network() -> Classifier:
    torch.manual_seed(0)
    return Classifier(
        Network(d_model=32, d_state=8, d_conv=4, expand=1, layers=2), torch.full((13,), 0.3), torch.full((13,), 0.5)
    )


def score(events: Events, *, chunk: int, window: int) -> np.ndarray:
    chunks = [events[i : i + chunk] for i in range(0, len(events), chunk)]
    return np.concatenate(list(NetworkScorer(network(), HORIZON, window)(chunks)))


def test_a_score_is_the_network_on_the_features_of_the_whole_recording() -> None:
    events = recording()
    features = extract(events, PixelState(events.shape), HORIZON)
    with torch.no_grad():
        logits, _ = network()(torch.from_numpy(features)[None])
    found = score(events, chunk=len(events), window=len(events))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, logits[0].sigmoid().numpy(), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("chunk", "window"), [(7, 4096), (64, 500), (1000, 333), (3000, 500)])
def test_neither_chunks_nor_window_change_a_score(chunk: int, window: int) -> None:
    events = recording(1000 if chunk == 7 else 3000)
    whole = score(events, chunk=len(events), window=len(events))
    np.testing.assert_allclose(score(events, chunk=chunk, window=window), whole, rtol=0, atol=1e-5)


def test_a_chunk_without_events_has_no_scores_and_changes_none() -> None:
    events = recording(500)
    scorer = NetworkScorer(network(), HORIZON)
    without = list(scorer([events[:200], events[200:]]))
    first, nothing, second = scorer([events[:200], empty(events.shape), events[200:]])
    assert nothing.shape == (0,)
    np.testing.assert_array_equal(np.concatenate([first, second]), np.concatenate(without))


def test_recordings_are_scored_one_by_one() -> None:
    """A scorer keeps nothing from one recording to the next."""
    events, scorer = recording(500), NetworkScorer(network(), HORIZON)
    once, twice = (np.concatenate(list(scorer([events]))) for _ in range(2))
    np.testing.assert_array_equal(once, twice)


def test_chunks_are_scored_as_they_come() -> None:
    def chunks() -> Iterator[Events]:
        yield recording(100)
        raise RuntimeError("asked for more than was needed")

    scores = NetworkScorer(network(), HORIZON)(chunks())
    assert len(next(scores)) == 100


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("precision", "most"), [("float32", 1e-5), ("bfloat16", 0.03), ("float16", 0.01)])
def test_scores_of_a_cuda_device_are_those_of_the_cpu(precision: str, most: float) -> None:
    events = recording()
    whole = score(events, chunk=len(events), window=len(events))
    for chunk, window in ((len(events), 1000), (700, 4096)):
        scorer = NetworkScorer(network().cuda(), HORIZON, window, precision)
        chunks = (events[i : i + chunk] for i in range(0, len(events), chunk))
        np.testing.assert_allclose(np.concatenate(list(scorer(chunks))), whole, rtol=0, atol=most)


def test_half_precision_without_cuda_is_refused() -> None:
    with pytest.raises(ValueError, match="precision: bfloat16 needs a CUDA device, found cpu"):
        NetworkScorer(network(), HORIZON, precision="bfloat16")
