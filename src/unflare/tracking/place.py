"""Where runs are kept, from the environment; the same for every stage and command."""

import os
from dataclasses import dataclass
from pathlib import Path

FILE = "sqlite:///"


@dataclass(frozen=True)
class Place:
    """MLflow's address of the store; `database` is its file, None for a server. Journals are below `root`."""

    root: Path
    uri: str
    database: Path | None

    @property
    def journals(self) -> Path:
        return self.root / ".unflare" / "journal"


def place() -> Place:
    """MLFLOW_TRACKING_URI, or `mlflow.db` in the root: DVC_ROOT, or the working folder.

    A path in it is relative to the root too: queued and temporary experiments work in another folder, and DVC_ROOT is
    the one thing that stays the same for them.
    """
    root = Path(os.environ.get("DVC_ROOT") or Path.cwd()).absolute()
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"{FILE}mlflow.db"
    if not uri.startswith(FILE):
        return Place(root, uri, None)
    database = root / uri.removeprefix(FILE)
    return Place(root, f"{FILE}{database}", database)


def prepare_mlflow() -> None:
    """Before MLflow is imported: it reports home and prints by default, and a lost server would hold a computation up.

    What is set in the environment already stays.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
