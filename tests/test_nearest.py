"""Exact distances to nearest points: scipy's tree, to the last bit."""

import numpy as np
import pytest
from scipy.spatial import KDTree

from unflare.edeflare.curve import LEAF
from unflare.edeflare.nearest import nearest


def drawn(seed: int, count: int, kind: str) -> np.ndarray:
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 100, (count, 4))
    if kind == "lattice":  # as the published scale makes them: many at one place, many equally far
        points[:, :2] = np.floor(points[:, :2] / 10)
        points[:, 3] = rng.choice([0.0, -27.0], count)
    if kind == "clusters":
        points = rng.uniform(0, 100, (5, 4))[rng.integers(0, 5, count)] + rng.normal(0, 0.1, (count, 4))
    if kind == "constant":
        points[:, 1:] = 3.0
    return points


@pytest.mark.parametrize("kind", ["uniform", "lattice", "clusters", "constant"])
@pytest.mark.parametrize("count", [1, LEAF, LEAF + 1, 5_000])
def test_distances_are_those_of_a_tree_to_the_last_bit(kind: str, count: int) -> None:
    points, queries = drawn(0, count, kind), drawn(1, 3_000, kind)
    assert np.array_equal(nearest(points, queries), KDTree(points).query(queries)[0])


@pytest.mark.parametrize("kind", ["lattice", "clusters"])
def test_queries_far_from_all_points_and_upon_them(kind: str) -> None:
    points = drawn(2, 4_000, kind)
    away = np.concatenate([points[::7], points[::5] + 1_000.0, -drawn(3, 200, "uniform")])
    assert np.array_equal(nearest(points, away), KDTree(points).query(away)[0])


def test_nothing_is_farther_than_far() -> None:
    points, queries = drawn(4, 500, "uniform"), drawn(5, 800, "uniform")
    exact = KDTree(points).query(queries)[0]
    far = float(np.median(exact))
    assert np.array_equal(nearest(points, queries, far), np.where(exact < far, exact, np.sqrt(far * far)))
    assert (nearest(points[:0], queries, 7.0) == 7).all()
    assert len(nearest(points, queries[:0])) == 0
