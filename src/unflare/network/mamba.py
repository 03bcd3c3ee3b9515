"""Mamba, a selective state space mixer (Gu & Dao 2023, section 3.4 and Algorithm 2), that takes and returns its state.

b, l   sequences, steps            d   channels inside the mixer, expand * d_model
n      d_state, states a channel   r   rank of the step size Δ
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from unflare.network.dispatch import form_for

State = tuple[Tensor, Tensor]  # last d_conv - 1 inputs of the convolution (b, d_conv - 1, d); h of the scan (b, d, n)

STEP_SIZES = (1e-3, 1e-1)  # range of Δ at the start, log-uniform; mamba_ssm's dt_min and dt_max
SMALLEST_STEP = 1e-4


class Mamba(nn.Module):
    """x_blm -> y_blm, of the same width; parameters have mamba_ssm.Mamba's names, shapes and initial values.

    Output i depends on inputs up to i alone. A sequence cut anywhere, its state handed on, gives what the whole gives.
    """

    def __init__(self, d_model: int, *, d_state: int, d_conv: int, expand: int) -> None:
        super().__init__()
        d, r = expand * d_model, math.ceil(d_model / 16)
        self.split = [r, d_state, d_state]
        self.in_proj = nn.Linear(d_model, 2 * d, bias=False)
        self.conv1d = nn.Conv1d(d, d, d_conv, groups=d)
        self.x_proj = nn.Linear(d, sum(self.split), bias=False)
        self.dt_proj = nn.Linear(r, d)
        self.A_log = nn.Parameter(torch.arange(1, d_state + 1, dtype=torch.float32).log().repeat(d, 1))
        self.D = nn.Parameter(torch.ones(d))
        self.out_proj = nn.Linear(d, d_model, bias=False)
        nn.init.uniform_(self.dt_proj.weight, -(r**-0.5), r**-0.5)
        with torch.no_grad():
            self.dt_proj.bias.copy_(_step_bias(d))

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Outputs and the state after the last step; without a state the sequence begins here."""
        form = form_for(x.device)
        u, z = self.in_proj(x).chunk(2, dim=-1)
        tail, h = (self.start(len(x))[0].to(u.dtype), None) if state is None else state
        u, tail = form.convolve(u, self.conv1d, tail)
        step, B, C = self.x_proj(u).split(self.split, dim=-1)
        step = functional.linear(step, self.dt_proj.weight)
        y, h = form.mix(u, step, self.dt_proj.bias, -self.A_log.exp(), B, C, self.D, z, h)
        out: Tensor = self.out_proj(y)
        return out, (tail, h)

    def start(self, sequences: int) -> State:
        """The state before the first event: zeros."""
        d, n = self.A_log.shape
        taps = self.conv1d.kernel_size[0]
        return self.D.new_zeros(sequences, taps - 1, d), self.D.new_zeros(sequences, d, n)


def _step_bias(d: int) -> Tensor:
    """Biases whose softplus is log-uniform over STEP_SIZES."""
    low, high = map(math.log, STEP_SIZES)
    step = (low + torch.rand(d) * (high - low)).exp().clamp(min=SMALLEST_STEP)
    return step + torch.log(-torch.expm1(-step))
