"""Tracking: parameters, metrics and files of a run, in MLflow, at no risk and next to no cost to the computation.

Every call writes a line into a journal on disk (microseconds) and returns. What the journal holds is sent now and then,
metrics as means over two seconds, more rarely where the store is slow. What cannot be sent stays in the journal and is
sent at the end of the stage or by the next run. So an outage of the store costs a warning, never a result.

The store is `sqlite:///<root>/mlflow.db` with files in `<root>/mlruns`, or the server in MLFLOW_TRACKING_URI; the root
is DVC_ROOT, which stays the same for queued and temporary experiments that run elsewhere, or the working folder.
`read` opens it for reading.
"""

from typing import TYPE_CHECKING

from unflare.tracking.place import place, prepare_mlflow
from unflare.tracking.tracked import Run, run

if TYPE_CHECKING:
    from unflare.tracking.archive import Archive

__all__ = ["Run", "read", "run"]


def read() -> "Archive":
    """The runs in the store. Raises ValueError where there is no store, ConnectionError where it is out of reach."""
    prepare_mlflow()
    from unflare.tracking.archive import Archive  # takes seconds to import

    return Archive(place())
