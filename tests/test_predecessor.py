"""The faults of the project before this one: each is refused, or stands in the report in red."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from made_up import edit, write_results
from test_findings import INDEX, SYNTHESIZE, TRAIN, TRAINING, facts, inside, statuses
from torch import Tensor, nn

from unflare.network.mamba import Mamba
from unflare.network.probe import reach
from unflare.reporting.writing import write_report

WIDTH, TAPS, LAYERS = 128, 4, 4
PARAMETERS = 271_745


class Block(nn.Module):
    """Norm, a wider linear layer, a causal depthwise convolution, a linear layer back; residual. No state anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.wide = nn.Linear(WIDTH, 2 * WIDTH)
        self.convolution = nn.Conv1d(2 * WIDTH, 2 * WIDTH, TAPS, groups=2 * WIDTH, padding=TAPS - 1)
        self.narrow = nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        u = self.convolution(self.wide(self.norm(x)).transpose(1, 2))[..., : x.shape[1]]
        return x + self.narrow(nn.functional.silu(u.transpose(1, 2)))


class StandIn(nn.Module):
    """What ran where mamba-ssm was missing: thirteen features in, a logit out, and the published parameter count.

    `layers` holds a Mamba layer for show, frozen and never called: a stand-in that wants to pass for the real one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.shape = SimpleNamespace(d_model=WIDTH)
        self.mean, self.std = nn.Buffer(torch.zeros(13)), nn.Buffer(torch.ones(13))
        self.embedding = nn.Linear(13, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.head = nn.Linear(WIDTH, 1)
        self.layers = [Mamba(WIDTH, d_state=40, d_conv=TAPS, expand=1).requires_grad_(requires_grad=False)]

    def forward(self, features: Tensor, state: None = None) -> tuple[Tensor, list[None]]:
        x = self.embedding((features - self.mean) / self.std)
        for block in self.blocks:
            x = block(x)
        return self.head(x).squeeze(-1), []


def test_the_stand_in_network_has_the_right_number_of_parameters_and_is_a_problem(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = StandIn()
    count = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    measured = reach(network, seed=0, length=256)  # type: ignore[arg-type] (that is the point)
    assert count == PARAMETERS
    assert measured["back"] == LAYERS * (TAPS - 1)  # it sees twelve events back, and no further
    edit(write_results(tmp_path) / TRAIN, facts(reach=measured))
    edit(tmp_path / TRAINING, lambda content: content.update(parameters=count))
    found = statuses(tmp_path)
    assert found["parameter_count"] == "verified"  # the number proves nothing
    assert found["state_space_backend"] == "problem"
    assert "Not to be trusted" in page(tmp_path)


def test_a_network_without_a_mamba_layer_is_refused() -> None:
    network = StandIn()
    network.layers = [Block()]
    with pytest.raises(AssertionError):
        reach(network, seed=0, length=64)  # type: ignore[arg-type]


def identical_splits(index: Any) -> None:  # noqa: ANN401 (JSON)
    for kind in ("sequences", "flares"):
        index[kind] = dict.fromkeys(("train", "validation", "test"), index[kind]["train"])


def polarity_leak(stage: Any) -> None:  # noqa: ANN401 (JSON)
    """Flare events coded 0 and 1, background -1 and 1: every event that is not ON gives its label away."""
    p = np.array([0, 1] * 50 + [-1, 1] * 50)
    flare = np.repeat([True, False], 100)
    on = (p >= 0).astype(int)  # read as "not negative", background is ON in half of its events and flare always
    shares = {"flare": on[flare].mean(), "background": on[~flare].mean()}
    stage["facts"].update({f"polarity_on_share_{name}": float(share) for name, share in shares.items()})


FAULTS: dict[str, tuple[str, str, Callable[[Any], object]]] = {
    "the simulator never ran": (
        "simulator_ran_for_every_scene",
        SYNTHESIZE,
        facts(simulated_videos=0, events_simulated=0),
    ),
    "frame differences took its place": (
        "simulator_ran_for_every_scene",
        SYNTHESIZE,
        lambda stage: [stage[at].update(simulator="frame difference") for at in ("facts", "implementations")],
    ),
    "validation and test are the training": ("splits_disjoint", INDEX, identical_splits),
    "the polarity gives the label away": ("polarity_does_not_give_label", SYNTHESIZE, polarity_leak),
    "samples of zeros": ("no_empty_scene", SYNTHESIZE, facts(empty_scenes=3)),
    "I/O 0.0 %": ("timing_covers_wall", TRAINING, inside("seconds", reading=0.0, waiting=0.0)),
    "a table of parts that do not cover the wall": (
        "timing_covers_wall",
        TRAINING,
        inside("seconds", backward=20.0, forward=10.0, rest=0.0),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_past_is_a_problem(tmp_path: Path, fault: str) -> None:
    name, file, plant = FAULTS[fault]
    edit(write_results(tmp_path) / file, plant)
    assert statuses(tmp_path)[name] == "problem"
    assert "Not to be trusted" in page(tmp_path)


def page(root: Path) -> str:
    write_report(root)
    return (root / "reports/report.en.md").read_text()
