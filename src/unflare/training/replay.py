"""Both passes of a step on a CUDA device, recorded once and replayed as CUDA graphs.

A pass through the network is some hundred launches, which cost the host milliseconds; a small batch takes less on the
device. Replayed, a pass is one launch, of the same kernels.
"""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from unflare.network import Classifier


class Replayed:
    """Logits (b, l) of features (b, l, 13), always of the shape of the first ones; their gradients go to the weights.

    The first call records, in the precision that holds there: autocast must not cache, and no earlier pass may wait for
    its way back. What the passes keep stays taken on the device. The logits are those of the last call only.
    """

    def __init__(self, network: Classifier) -> None:
        self._logits = _Logits(network)
        self._recorded: Callable[[Tensor], Tensor] | None = None

    def __call__(self, features: Tensor) -> Tensor:
        if self._recorded is None:
            # Gradients come from the stream of the recording; that backward passes wait for it is meant.
            torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(False)
            recorded = torch.cuda.make_graphed_callables(self._logits, (torch.zeros_like(features),))
            self._recorded = cast(Callable[[Tensor], Tensor], recorded)
        return self._recorded(features)


class _Logits(nn.Module):
    def __init__(self, network: Classifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.network(features)[0]
        return logits
