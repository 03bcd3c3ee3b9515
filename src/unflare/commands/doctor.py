"""unflare doctor"""

import os
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

import typer

EXAMPLES = """Example:

* unflare doctor"""


def doctor() -> None:
    """Try what this installation needs, part by part: what works, what does not and why."""
    for name, look in LOOKS.items():
        try:
            works, said = True, look()
        except Exception as error:  # noqa: BLE001 - whatever is wrong is what is asked for
            plain = isinstance(error, (LookupError, OSError, ValueError, ImportError))
            works, said = False, " ".join(f"{'' if plain else type(error).__name__ + ': '}{error}".split())
        typer.echo(f"{'works' if works else 'does not':<10}{name:<16}{said}")


def _torch() -> str:
    import torch

    return f"{torch.__version__}, {torch.get_num_threads()} threads"


def _cuda() -> str:
    import torch

    if not torch.cuda.is_available():
        raise LookupError("torch was built without it" if torch.version.cuda is None else "no device is to be seen")
    return ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))


def _network() -> str:
    import torch

    from unflare.network import implementation

    names = [implementation(torch.device("cpu"))]
    names += [implementation(torch.device("cuda"))] if torch.cuda.is_available() else []
    return "; ".join(names)


def _mamba() -> str:
    try:
        return f"{version('mamba-ssm')}, causal-conv1d {version('causal-conv1d')}"
    except PackageNotFoundError as error:
        raise LookupError(
            f"{error.name} is not installed; a training on CUDA goes through the two where both are there"
        ) from None


def _weights() -> str:
    from unflare.inference import NetworkScorer

    facts = NetworkScorer.of(None).network.facts
    return f"features of version {facts['definition']}, threshold {facts['threshold']:.3f}"


def _hdf5() -> str:
    """A block through the compression that DSEC's files have."""
    import h5py
    import numpy as np

    from unflare.events.hdf5 import BLOSC

    values = np.arange(1000)
    with h5py.File("doctor", "w", driver="core", backing_store=False) as file:
        file.create_dataset("t", data=values, chunks=(100,), **BLOSC)
        if not np.array_equal(file["t"][:], values):
            raise ValueError("values came back changed")
    return f"{h5py.version.hdf5_version}, Blosc"


def _faery() -> str:
    from faery.extension import aedat, csv, dat, es, evt

    names = ", ".join(part.__name__.rpartition(".")[2] for part in (aedat, csv, dat, es, evt))
    return f"{version('faery')}: {names}"


def _video() -> str:
    import av

    av.codec.Codec("libx264", "w")
    return f"PyAV {av.__version__}, H.264"


def _numba() -> str:
    import numba

    return f"{numba.__version__}, {numba.get_num_threads()} threads"


def _store() -> str:
    from unflare import tracking

    archive = tracking.read()
    runs = len(archive.finished(1000))
    return f"{os.environ.get('MLFLOW_TRACKING_URI') or 'mlflow.db in this folder'}: {runs} finished runs"


LOOKS: dict[str, Callable[[], str]] = {
    "torch": _torch,
    "CUDA": _cuda,
    "network": _network,
    "mamba-ssm": _mamba,
    "weights": _weights,
    "numba": _numba,
    "HDF5": _hdf5,
    "faery": _faery,
    "video": _video,
    "MLflow store": _store,
}
