"""DSEC's archives as sequences: unpacked beside the raw data, nothing outside, and fetched over a bad line."""

import shutil
import subprocess
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from test_index import SCENE, collection, sequence

from unflare.events import SPLITS, build, unpacked

PROJECT = Path(__file__).parents[1]


def archive(root: Path, name: str, place: Path, **more: bytes) -> Path:
    path = place / f"{name}_events_left.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(sequence(root, name, 1.5), "events.h5")
        for member, content in more.items():
            file.writestr(member, content)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for i in range(2):
        archive(tmp_path / "elsewhere", f"packed_{i}", tmp_path / "data")
    sequence(tmp_path / "data", "plain", 1.2)
    collection(tmp_path / "data" / "Flare-R", 3)
    return tmp_path / "data"


@pytest.mark.parametrize("linked", [False, True])
def test_packed_and_plain_sequences_are_found_alike(tmp_path: Path, root: Path, linked: bool) -> None:  # noqa: FBT001
    if linked:
        (tmp_path / "far" / "away").mkdir(parents=True)
        shutil.move(root, tmp_path / "far" / "away" / "data")
        root.symlink_to(tmp_path / "far" / "away" / "data")
    with unpacked(root, tmp_path / "sequences"):
        index = build(root, SCENE, 0.2, 0.2, 0, tmp_path / "sequences")
    found = {one.name: index.root / one.path for split in SPLITS for one in index.sequences[split]}
    assert sorted(found) == ["packed_0", "packed_1", "plain"]
    assert all(path.is_file() for path in found.values())
    assert (tmp_path / "sequences/packed_0/events/left/events.h5") == found["packed_0"].resolve()


def test_nothing_leaves_the_folder(tmp_path: Path, root: Path) -> None:
    names = ("../../../evil.h5", "/tmp/unflare-evil.h5", "a/../../events.h5", "run.py")
    archive(tmp_path / "more", "packed_9", root, **dict.fromkeys(names, b"evil"))
    before = set(tmp_path.rglob("*"))
    with unpacked(root, tmp_path / "sequences"):
        new = {path for path in set(tmp_path.rglob("*")) - before if path.is_file()}
    assert {str(path.relative_to(tmp_path / "sequences")) for path in new} == {
        f"packed_{i}/events/left/events.h5" for i in (0, 1, 9)
    }
    assert not Path("/tmp/unflare-evil.h5").exists()


@pytest.mark.parametrize("fault", ["truncated", "changed", "without events"])
def test_a_bad_archive_is_one_sentence_and_leaves_nothing(tmp_path: Path, root: Path, fault: str) -> None:
    path = root / "packed_0_events_left.zip"
    content = bytearray(path.read_bytes())
    if fault == "truncated":
        path.write_bytes(content[:-100])
    elif fault == "changed":
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("images.h5", b"")
    with pytest.raises(ValueError, match=f"{path}: expected"), unpacked(root, tmp_path / "sequences"):
        pass
    assert not [one for one in tmp_path.iterdir() if "sequences" in one.name]


class BadLine(BaseHTTPRequestHandler):
    """Serves a folder, byte ranges too, and drops the first two downloads of each file half-way."""

    root: ClassVar[Path]
    sent: ClassVar[Counter[str]] = Counter()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        content = (self.root / Path(self.path).name).read_bytes()
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        for name, value in (("Content-Length", len(content) - start), ("Accept-Ranges", "bytes"), ("ETag", '"one"')):
            self.send_header(name, str(value))
        self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.command == "GET" and self.headers.get("User-Agent", "").startswith("Wget"):
            self.sent[f"{self.path} {start > 0}"] += 1
            drop = sum(self.sent[f"{self.path} {resumed}"] for resumed in (True, False)) <= 2
            self.wfile.write(content[start : (start + len(content)) // 2 if drop else len(content)])

    def log_message(self, *said: object) -> None:
        """Nothing."""


@pytest.fixture
def bad_line(tmp_path: Path) -> Iterator[str]:
    BadLine.root = tmp_path / "site"
    server = ThreadingHTTPServer(("127.0.0.1", 0), BadLine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("wget"), reason="needs wget")
def test_sequences_are_fetched_over_a_line_that_breaks(tmp_path: Path, bad_line: str) -> None:
    served = archive(tmp_path / "elsewhere", "thun_00_a", tmp_path / "site")
    work = tmp_path / "work"
    work.mkdir()
    for name in ("Makefile", ".gitignore", ".dvcignore", "pyproject.toml", "constraints.txt"):
        shutil.copy(PROJECT / name, work)
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"]):
        subprocess.run(command, cwd=work, check=True)
    ready = work / ".venv" / ".ready"  # the environment is this one
    ready.parent.mkdir()
    ready.touch()
    command = ["make", "fetch", "SEQUENCES=thun_00_a", f"DSEC={bad_line}"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (work / "data/raw" / served.name).read_bytes() == served.read_bytes()
    assert BadLine.sent[f"/thun_00_a/{served.name} True"] == 2
    said = (work / "data/raw" / f"{served.name}.dvc").read_text()
    assert f"{bad_line}/thun_00_a/{served.name}" in said
    assert f"size: {served.stat().st_size}" in said
    assert "md5:" in said.partition("outs:")[2]
    tracked = subprocess.run(
        ["git", "status", "-s", "-uall", "data"], cwd=work, capture_output=True, text=True, check=True
    )
    assert tracked.stdout.split() == ["??", f"data/raw/{served.name}.dvc"]
