"""The section on streams: what each method makes of the test scenes, against their truth."""

from collections.abc import Iterator, Mapping
from typing import Any

from unflare.reporting.document import Block, Cell, Table, Text
from unflare.reporting.phrases import Phrases
from unflare.reporting.records import Missing, Records, finite, need
from unflare.reporting.summary import Material
from unflare.reporting.tables import standing

TABLES: dict[str, tuple[str, dict[str, str]]] = {  # caption -> the sentences before it; metric -> how it is written
    "both_ways": ("both_ways_means", {"chamfer": "{:.2f}", "gaussian": "{:.3f}", "pger": "{:.2f}", "esr": "{:.2f}"}),
    "shares": ("shares_means", dict.fromkeys(("signal_kept", "noise_removed", "denoising_accuracy"), "{:.1%}")),
    "on_the_clock": (
        "on_the_clock_means",
        dict.fromkeys(("clock_mse", "clock_pmse_2", "clock_pmse_4"), "{:.4f}")
        | dict.fromkeys(("clock_rf1", "clock_tf1", "clock_tpf1"), "{:.3f}"),
    ),
    "published": (
        "published_means",
        {"chamfer_distance": "{:.2f}"} | dict.fromkeys(("gaussian_distance", "rf1", "tf1", "tpf1"), "{:.3f}"),
    ),
    "published_errors": ("", dict.fromkeys(("voxel_mse", "pmse_2", "pmse_4"), "{:.4f}")),
}
PLACE = "reports/evaluation/metrics.json: splits.test.*.overall"


def streams(material: Material, say: Phrases) -> Iterator[Block]:
    records = material.records
    methods = records.streams()
    if not methods:
        raise Missing(f"{PLACE}.chamfer")
    yield Text(say("streams", "intro"))
    for name, (meaning, forms) in TABLES.items():
        if meaning:
            yield Text(say("streams", meaning))
        yield _table(methods, forms, say, say("streams", name))
    yield Text(_choices(records, say))


def nearest_first(methods: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Names of methods by their distance to the truth, as `standing` has them."""

    def distance(name: str) -> float:
        mean = methods[name].get("chamfer", {}).get("mean")
        return float("inf") if mean is None else float(mean)

    return sorted(methods, key=lambda name: (standing(name), distance(name)))


def _table(methods: Mapping[str, Mapping[str, Any]], forms: Mapping[str, str], say: Phrases, caption: str) -> Table:
    """A row per method; a cell is mean and spread over the scenes, and how many they are where it is not all."""
    rows = []
    for name in nearest_first(methods):
        texts = (_text(methods[name].get(metric), form, metric) for metric, form in forms.items())
        rows.append([Cell(text, strong=name == "unflare") for text in (say.word("methods", name), *texts)])
    return Table([say("results", "method"), *(say("streams", metric) for metric in forms)], rows, caption=caption)


def _text(summary: Mapping[str, Any] | None, form: str, metric: str) -> str:
    if summary is None:
        return "–"
    scenes, failures = (finite(need(summary, metric, name), f"{metric}.{name}", 0) for name in ("scenes", "failures"))
    if failures == scenes:
        return "– [0]"
    computed = f" [{scenes - failures:.0f}]" if failures else ""
    mean = form.format(finite(need(summary, metric, "mean"), f"{metric}.mean"))
    if scenes - failures < 2:
        return mean + computed
    return f"{mean} ({form.format(finite(need(summary, metric, 'spread'), f'{metric}.spread'))}){computed}"


def _choices(records: Records, say: Phrases) -> str:
    """What validation chose for the baselines, as `name=value`."""
    chosen = records.at("reports/evaluation/metrics.json", "choices")
    texts = (
        f"{say.word('methods', name)} " + " ".join(f"`{key}={value:g}`" for key, value in sorted(choice.items()))
        for name, choice in sorted(chosen.items())
    )
    return say("streams", "choices", choices=say("streams", "and").join(texts))
