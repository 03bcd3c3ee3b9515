"""Options that several commands share, and what they open."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from unflare.cleaning import Method
    from unflare.events import Recording

In = Annotated[
    Path, typer.Argument(metavar="IN", help="HDF5 (DSEC's and others), npz, text, EVT2, EVT3, DAT, AEDAT4, .es.")
]
Sensor = Annotated[
    str | None, typer.Option(metavar="WxH", help="Width and height in pixels, for a file that does not say them.")
]
Repair = Annotated[
    bool, typer.Option("--repair", help="Leave out of a damaged file what cannot be, and report it, not refuse it.")
]
Model = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A trained model. Default: the one that comes with the package.")
]
Device = Annotated[
    str | None, typer.Option(metavar="cpu|cuda", help="Default: UNFLARE_DEVICE, else cuda if there is one, else cpu.")
]
MethodName = Annotated[
    str | None,
    typer.Option("--method", metavar="NAME", help="A classical filter, not the network: baf, stcf, pfd_a, pfd_b, ..."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace OUT if it is there.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where the same command was interrupted.")]


def opened(path: Path, sensor: str | None, *, repair: bool) -> "Recording":
    """Raises FileNotFoundError, or ValueError of one sentence."""
    from unflare.events import open_recording

    return open_recording(path, sensor_shape(sensor), repair=repair)


def chosen(method: str | None, model: Path | None, device: str | None) -> "Method":
    """Raises FileNotFoundError, or ValueError of one sentence."""
    from unflare import runtime
    from unflare.cleaning import filter_method, network_method

    if method is None:
        return network_method(model, runtime.device().type if device is None else device)
    if model or device not in {None, "cpu"}:
        raise ValueError("--method names a classical filter, which has no --model and runs on the cpu")
    return filter_method(method)


def refuse_output(output: Path, recording: Path, *, force: bool) -> None:
    """Raises ValueError where OUT is what is read, a folder, or something that would be lost."""
    if output.is_dir() or output.resolve() == recording.resolve():
        raise ValueError(f"{output}: expected the name of a new file, not of a folder or of what is read")
    if output.exists() and output.stat().st_size and not force:
        raise ValueError(f"{output} is there already; --force replaces it")


def sensor_shape(sensor: str | None) -> tuple[int, int] | None:
    """(height, width) of WIDTHxHEIGHT. Raises ValueError of one sentence."""
    if sensor is None:
        return None
    found = re.fullmatch(r"([1-9]\d{0,3})x([1-9]\d{0,3})", sensor)
    if not found:
        raise ValueError(f"--sensor: expected width and height such as 640x480, found {sensor!r}")
    return int(found[2]), int(found[1])
