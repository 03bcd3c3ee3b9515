"""Parts of a data set by split: train, validation, test."""

import hashlib
from collections.abc import Iterable
from typing import Literal, Protocol, TypeAlias, TypeVar

Split: TypeAlias = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


def split(parts: Iterable[T], validation: float, test: float, seed: int) -> dict[Split, tuple[T, ...]]:
    """Parts by split, each split in the order of names; at least one part in each, so three or more are needed.

    Parts are ordered by a hash of seed and name: the same everywhere and for ever, and a part more moves few others.
    """
    order = sorted(parts, key=lambda part: hashlib.sha256(f"{seed} {part.name}".encode()).digest())
    result: dict[Split, tuple[T, ...]] = {}
    first = 0
    for name, size in zip(SPLITS, sizes(len(order), validation, test), strict=True):
        result[name] = tuple(sorted(order[first : first + size], key=lambda part: part.name))
        first += size
    return result


def sizes(count: int, validation: float, test: float) -> tuple[int, int, int]:
    """Sizes of train, validation and test by largest remainder, at least one each. Raises ValueError below three."""
    if count < len(SPLITS):
        raise ValueError(f"at least {len(SPLITS)} are needed, one for each of {', '.join(SPLITS)}, found {count}")
    quotas = [count * share for share in (1 - validation - test, validation, test)]
    whole = [int(quota) for quota in quotas]
    by_remainder = sorted(range(len(SPLITS)), key=lambda i: whole[i] - quotas[i])
    for i in by_remainder[: count - sum(whole)]:
        whole[i] += 1
    while 0 in whole:
        whole[whole.index(max(whole))] -= 1
        whole[whole.index(0)] += 1
    return whole[0], whole[1], whole[2]
