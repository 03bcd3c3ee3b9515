"""params.yaml as frozen nouns, read strictly: no defaults in code; an unknown or missing key is an error."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Frequency = Annotated[float, Field(gt=0, le=5000)]  # half the frames a second that are rendered at most
Duty = Annotated[float, Field(gt=0, lt=1)]  # share of a cycle
Range = tuple[float, float]
PositiveRange = tuple[Positive, Positive]
Shape = tuple[Count, Count]
Counts = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]
Kind = Literal["street", "objects", "sparks"]
Waveform = Literal["sine", "square", "triangle", "exponential", "pwm"]


class Noun(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="after")
    def _ranges_ascend(self) -> Self:
        for name, field in type(self).model_fields.items():
            if field.annotation in (Range, PositiveRange, Counts, tuple[Frequency, Frequency]):
                low, high = getattr(self, name)
                if low > high:
                    raise ValueError(f"{name}: the range {[low, high]} does not ascend")
        return self


class Data(Noun):
    root: Path
    validation: Annotated[float, Field(gt=0, lt=1)]
    test: Annotated[float, Field(gt=0, lt=1)]


class Sample(Noun):
    sequences: Annotated[int, Field(ge=3)]
    seconds: Annotated[float, Field(ge=1)]
    frame_rate: Count
    shapes: Annotated[tuple[Shape, ...], Field(min_length=1)]
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)]
    thresholds: PositiveRange
    flares: Annotated[int, Field(ge=3)]


class Sensor(Noun):
    """Constants of DVS-Voltmeter; time in microseconds, irradiance on the linear scale 0 to 255. And what real sensors
    add, off at 0: `synthesis/pixels.py` says what."""

    k: tuple[Positive, Positive, Positive, float, float, Positive]
    mismatch: Annotated[float, Field(ge=0, le=1)]
    cutoff: NotNegative
    refractory: Annotated[int, Field(ge=0, le=1_000_000)]
    hot_share: Share
    hot_rate: NotNegative
    background_rate: NotNegative

    def quiet(self) -> "Sensor":
        """The same sensor without events that the light has no part in."""
        return self.model_copy(update={"hot_rate": 0.0, "background_rate": 0.0})

    def at(self, threshold: float) -> "Sensor":
        """The same sensor with its contrast thresholds times a factor.

        DVS-Voltmeter measures the voltage in thresholds (Lin et al., ECCV 2022: it fires at +1 and -1), so that all
        that makes the voltage is divided: contrast k1, noise k3 and k6, leaks k4 and k5. k2 is a light, and stays.
        """
        k1, k2, *others = self.k
        return self.model_copy(update={"k": (k1 / threshold, k2, *(k / threshold for k in others))})


class Scenes(Noun):
    train: Count
    validation: Count
    test: Count
    duration: Annotated[int, Field(ge=10_000, le=1_000_000)]
    flare_only: Share
    background_only: Share
    rule: Literal["integrate", "pnl_es", "union"]
    night_level: PositiveRange
    thresholds: PositiveRange


class Lamp(Noun):
    count: Counts
    steady: Share
    dimmed: Share
    hertz: tuple[Frequency, Frequency]
    dimmed_hertz: tuple[Frequency, Frequency]
    duty: tuple[Duty, Duty]
    floor: Range
    waveforms: Annotated[tuple[Waveform, ...], Field(min_length=1)]
    brightness: PositiveRange
    core: PositiveRange
    ghosts: Counts
    gamma: Range
    scale: PositiveRange
    shear: float
    translation: float
    speed: NotNegative
    growth: NotNegative
    frame_rate: Count


class Fusion(Noun):
    """The scenes in which fusion is held against the exact answer."""

    scenes: Count
    duration: Annotated[int, Field(ge=10_000, le=1_000_000)]
    shape: Shape


class Features(Noun):
    window: Count
    cache: bool


class Network(Noun):
    d_model: Count
    d_state: Count
    d_conv: Count
    expand: Count
    layers: Count


class Training(Noun):
    window: Annotated[int, Field(ge=2)]
    lead: Annotated[int, Field(ge=0)]
    batch: Count
    steps: Count
    learning_rate: Positive
    weight_decay: Annotated[float, Field(ge=0)]
    warmup: Annotated[int, Field(ge=0)]
    clip: Positive
    precision: Literal["float32", "bfloat16", "float16"]
    validate_every: Count
    validation_windows: Count
    keep_background: Share

    @model_validator(mode="after")
    def _lead_inside_window(self) -> Self:
        if self.lead >= self.window:
            raise ValueError(f"lead {self.lead} leaves no event of a window of {self.window} to learn from")
        return self


class Params(Noun):
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    data: Data
    sample: Sample
    sensor: Sensor
    scenes: Scenes
    lamp: Lamp
    fusion: Fusion
    features: Features
    network: Network
    training: Training


def load(path: Path = Path("params.yaml")) -> Params:
    """Parameters of the working folder. Raises ValueError, one line a fault: place, expected, found."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path.absolute()}: no such file; run this from the project's folder") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise ValueError(
            "\n".join(_fault(path, fault["loc"], fault["msg"], fault["input"]) for fault in error.errors())
        ) from None


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping with dotted names: {"a": {"b": 1}} -> {"a.b": 1}."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        result |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return result


def _fault(path: Path, place: tuple[int | str, ...], message: str, found: object) -> str:
    found_leaf = "" if isinstance(found, dict) else f", found {found!r}"
    return f"{path}: {'.'.join(map(str, place)) or 'the whole file'}: {message}{found_leaf}"
