"""What a network can be shown to be: it remembers, it does not look ahead, its scan is the recurrence."""

import torch
from torch import Tensor
from torch.nn import functional

from unflare.network.classifier import Classifier
from unflare.network.dispatch import form_for
from unflare.network.mamba import Mamba

LENGTH = 2048  # events of the probe


@torch.no_grad()
def reach(network: Classifier, seed: int, length: int = LENGTH) -> dict[str, float]:
    """Three measurements on features drawn from the seed, of the mean and deviation of the training set.

    back        the farthest distance, in events, over which changing the first event changed an output
    ahead       the largest change of an output when only later events changed
    scan_error  the largest difference between the scan that runs and the plain recurrence, for the first layer
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(3, length, len(network.mean), generator=generator).to(network.mean.device)
    features, first, later = network.mean + network.std * noise
    changed_first, changed_later = features.clone(), features.clone()
    changed_first[0] = first[0]
    changed_later[length // 2 :] = later[length // 2 :]
    logits, with_first, with_later = (network(x[None])[0][0] for x in (features, changed_first, changed_later))
    touched = torch.nonzero(with_first != logits)
    layer = network.layers[0]
    assert isinstance(layer, Mamba)
    return {
        "back": int(touched.max()) if len(touched) else 0,
        "ahead": float((with_later - logits)[: length // 2].abs().max()),
        "scan_error": _scan_error(layer, functional.rms_norm(network.embedding(noise[:1]), (network.shape.d_model,))),
    }


def _scan_error(layer: Mamba, x: Tensor) -> float:
    """The layer's scan against h <- exp(Δ A) h + Δ B u, y = C h + D u, step by step in float64 (Gu & Dao, Eq. 2)."""
    u, z = layer.in_proj(x).chunk(2, dim=-1)
    u = functional.silu(u)
    step, B, C = layer.x_proj(u).split(layer.split, dim=-1)
    step, A, gate = functional.linear(step, layer.dt_proj.weight), -layer.A_log.exp(), functional.silu(z.double())
    y, _ = form_for(x.device).mix(u, step, layer.dt_proj.bias, A, B, C, layer.D, z, None)
    h, delta = layer.start(1)[1].double(), functional.softplus(step.double() + layer.dt_proj.bias.double())
    error = 0.0
    for i in range(x.shape[1]):
        u_i, delta_i = u[:, i, :, None].double(), delta[:, i, :, None]
        h = (delta_i * A.double()).exp() * h + delta_i * B[:, i, None].double() * u_i
        expected = (h * C[:, i, None].double()).sum(-1) + layer.D.double() * u_i[..., 0]
        error = max(error, float((y[:, i] - expected * gate[:, i]).abs().max()))
    return error
