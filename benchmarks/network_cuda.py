"""Tokens a second of the network on CUDA in half precision, and with its passes recorded, as a training runs them.

PYTHONPATH=tests:benchmarks python benchmarks/network_cuda.py

The bound is a scan that computes nothing but its exponentials, and those once. A multiprocessor of compute capability 9
makes 16 a clock (CUDA C++ Programming Guide, arithmetic instructions).
"""

import torch
from network import SHAPES, line, plain_network, seconds
from torch import Tensor

from unflare.network import Classifier
from unflare.network.precision import autocast
from unflare.training.replay import Replayed

RECORDED = ((2, 1024), (8, 4096), (16, 4096), (32, 4096))


def recorded_line(network: Classifier, shape: tuple[int, int], precision: str) -> None:
    """Both passes as the training runs them."""
    recorded, narrow = Replayed(network), autocast(precision, network.mean.device)

    def run(features: Tensor) -> Tensor:
        with narrow():
            return recorded(features)

    rate = shape[0] * shape[1] / seconds(run, network, torch.randn(*shape, 13, device="cuda"), backward=True)
    print(f"{f'{precision}, recorded':28} {shape[0]:3} x {shape[1]:9,}: {'':23} {rate:14,.0f} with backward")


def main() -> None:
    network = plain_network(torch.device("cuda"))
    made, shape = torch.cuda.get_device_properties(network.mean.device), network.shape
    exponentials = shape.layers * shape.expand * shape.d_model * shape.d_state
    bound = made.multi_processor_count * 16 * made.clock_rate * 1e3 / exponentials
    print(f"{torch.cuda.get_device_name()}, {network.scan}; tokens/s")
    print(f"exponentials alone, {exponentials:,} a token: {bound:,.0f}")
    for size in SHAPES["cuda"]:
        line("bfloat16", network, size, "bfloat16")
    for size in RECORDED:
        for precision in ("float32", "bfloat16"):
            recorded_line(network, size, precision)


if __name__ == "__main__":
    main()
