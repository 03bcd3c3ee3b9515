"""What the scenes and labels are. Facts of the stages:

prepare      data_kind "embedded" | "real"
synthesize   scenes {split: n}, scenarios {mixed | flare_only | background_only: n}, scenes_with_flare, simulated_videos
             (flare videos that the simulator turned into events; at least one a scene with flare), events_simulated
             (that it made), events_background, events_flare, events_truth (over all scenes), empty_scenes (without
             input events, or of a scenario with flare and without flare events), polarity_on_share_flare,
             polarity_on_share_background (share of ON events among them, 0..1), simulator (which implementation ran)
featurize    flare_share {split: 0..1} (mean label)
"""

from itertools import combinations
from pathlib import PurePosixPath

from unflare.reporting.checks.verdict import Status, Verdict, either, graded, listed
from unflare.reporting.records import Records, finite, need, stage_file

SPLITS = ("train", "validation", "test")
SIMULATOR = "DVS-Voltmeter"
SYNTHESIZE = stage_file("synthesize")


def simulator_ran_for_every_scene(records: Records) -> Verdict:
    """The named simulator made events for each scene with flare, no fewer than there are flare events in the scenes."""
    scenes, scenarios = (records.numbers(SYNTHESIZE, "facts", name) for name in ("scenes", "scenarios"))
    names = ("simulated_videos", "scenes_with_flare", "events_simulated")
    videos, with_flare, simulated = (round(records.number(SYNTHESIZE, "facts", name, low=0)) for name in names)
    kinds = ("background", "flare", "truth")
    events = {kind: round(records.number(SYNTHESIZE, "facts", f"events_{kind}", low=0)) for kind in kinds}
    simulator, ran = (records.at(SYNTHESIZE, place, "simulator") for place in ("facts", "implementations"))
    wanted = {split: records.number("params.yaml", "scenes", split) for split in SPLITS}
    flared = sum(count for scenario, count in scenarios.items() if scenario != "background_only")
    made = scenes == wanted and sum(scenes.values()) == sum(scenarios.values()) > 0
    flown = videos >= with_flare == flared and simulated >= events["flare"]
    good = made and flown and min(events.values()) > 0 and simulator == ran and ran.startswith(SIMULATOR)
    values = {"made": round(sum(scenes.values())), "wanted": round(sum(wanted.values())), "videos": videos}
    values |= {"with_flare": with_flare, "simulated": simulated, "simulator": simulator}
    return either(good), values | {f"events_{kind}": count for kind, count in events.items()}


def no_empty_scene(records: Records) -> Verdict:
    empty = round(records.number(SYNTHESIZE, "facts", "empty_scenes", low=0))
    scenes = round(sum(records.numbers(SYNTHESIZE, "facts", "scenes").values()))
    return either(empty == 0 and scenes > 0), {"empty": empty, "scenes": scenes}


def labels_have_both_classes(records: Records) -> Verdict:
    table = records.scores("test")
    shares = {"test": need(next(iter(table.values()), {}), "test", "flare_share")}
    shares = records.facts("featurize", "flare_share") | shares
    shares = {split: finite(need(shares, "flare_share", split), f"flare_share: {split}", 0, 1) for split in SPLITS}
    low, high = min(shares.values()), max(shares.values())
    status: Status = "verified" if low >= 0.02 and high <= 0.98 else "warning" if low > 0 and high < 1 else "problem"
    return status, {"shares": listed(shares, "{:.1%}")}


def polarity_does_not_give_label(records: Records) -> Verdict:
    """ROC-AUC of the polarity alone: 0.5 + half the difference of the ON shares."""
    names = ("flare", "background")
    flare, background = (
        records.number(SYNTHESIZE, "facts", f"polarity_on_share_{name}", low=0, high=1) for name in names
    )
    auc = 0.5 + abs(flare - background) / 2
    return graded(auc, 0.6, 0.7), {"auc": auc, "flare": flare, "background": background}


def splits_disjoint(records: Records) -> Verdict:
    """No sequence and no flare image in two splits, and none empty."""
    kinds = {"sequences": "path", "flares": "flare"}
    members = {
        kind: {
            split: {_plain(need(item, f"data/index.json: {kind}", key)) for item in _items(records, kind, split)}
            for split in SPLITS
        }
        for kind, key in kinds.items()
    }
    shared = [item for parts in members.values() for a, b in combinations(SPLITS, 2) for item in parts[a] & parts[b]]
    filled = all(part for parts in members.values() for part in parts.values())
    counts = {kind: " + ".join(str(len(parts[split])) for split in SPLITS) for kind, parts in members.items()}
    return either(filled and not shared), {"shared": ", ".join(sorted(shared)) or "–", **counts}


def embedded_or_real_data(records: Records) -> Verdict:
    """Real recordings are verified only where index and stage agree on it."""
    kind, embedded = records.facts("prepare", "data_kind"), records.at("data/index.json", "embedded")
    agree = kind == ("embedded" if embedded else "real")
    status: Status = "problem" if not agree else "warning" if embedded else "verified"
    return status, {"kind": kind, "root": records.params("data", "root")}


def _items(records: Records, kind: str, split: str) -> list[dict[str, str]]:
    items: list[dict[str, str]] = records.at("data/index.json", kind).get(split, [])
    return items


def _plain(path: str) -> str:
    """The same file under one name: `./a//b` is `a/b`."""
    return PurePosixPath(path).as_posix()
