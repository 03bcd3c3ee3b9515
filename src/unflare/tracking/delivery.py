"""From the journal of a run to the store, when it is reachable and at a bounded share of the time."""

import logging
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import Timeout

from unflare.tracking.journal import Journal, left_behind
from unflare.tracking.place import place, prepare_mlflow

if TYPE_CHECKING:
    from unflare.tracking.store import Store

log = logging.getLogger(__name__)

PERIOD = 2.0  # seconds between two deliveries while a stage computes, at least
SHARE = 0.004  # of the time, at most, goes into deliveries: a slow store gets rarer and larger ones
PATIENCE = 60.0  # seconds between two deliveries at most, and between two attempts in an outage at least
DESPAIR = 1200.0  # seconds between two attempts at most, where each has to wait for a server that does not answer


class Delivery:
    """What one run says goes into its journal at once, and from there to the store. No method raises because of it.

    identity   the store's id of the run, or one of our own (`local-...`) where it was out of reach at the beginning
    seconds    spent here so far, importing MLflow and sending included
    """

    def __init__(self, identity: str, name: str) -> None:
        self.identity = identity
        self.seconds = 0.0
        self._name = name
        self._place = place()
        self._journal: Journal | None = None
        self._store: Store | None = None
        self._stored: str | None = None  # the store's id of this run
        self._next = 0.0  # no attempt to send before this time
        self._out = False
        self.flush()
        self.identity = self.identity or self._stored or f"local-{uuid.uuid4().hex}"
        try:
            self._journal = Journal(self._place.journals, self.identity)
        except (OSError, Timeout) as error:
            log.warning("tracking: this run is not tracked, its journal cannot be written: %s", error)

    def say(self, kind: str, **content: object) -> None:
        if self._journal:
            with self._timed():
                try:
                    self._journal.append(kind, **content)
                except OSError as error:  # a full disk: the entry stays in memory and may still be sent
                    log.warning("tracking: %s cannot be written: %s", self._journal.path, error)

    def say_file(self, kind: str, path: Path, **content: object) -> None:
        """An entry about a file or folder; what cannot be sent at once is copied, since it may be gone by then."""
        if self._journal:
            copy = self._journal.copies / str(time.time_ns()) / path.name
            self.say(kind, path=str(path.absolute()), copy=str(copy), **content)
            if not self.resend():
                with self._timed():
                    self._journal.keep(path, copy)

    @property
    def due(self) -> bool:
        """Whether it is time to send again."""
        return time.monotonic() > self._next

    def flush(self) -> bool:
        """Connects where that has not been done, and sends what is pending; whether the store now has everything."""
        start = time.monotonic()
        try:
            with self._timed():
                self._store = self._store or self._connected()
                self._stored = self._stored or self._store.run(self.identity, self._name)
                start = time.monotonic()
                if self._journal:
                    self._store.deliver(self._journal, self._stored)
        except OSError as error:  # an Outage, or a disk too full to count what has been sent
            now = time.monotonic()
            self._out, self._next = True, now + min(DESPAIR, max(PATIENCE, (now - start) / SHARE))
            log.warning("tracking: the store is out of reach, the journal goes on: %s", error)
            return False
        now = time.monotonic()
        self._out, self._next = False, now + min(PATIENCE, max(PERIOD, (now - start) / SHARE))
        return True

    def resend(self) -> bool:
        """The same, but an outage is given time before the next attempt."""
        return (self.due or not self._out) and self.flush()

    def adopt(self) -> None:
        """Sends what processes that are no more have left behind."""
        for journal in left_behind(self._place.journals):
            try:
                if self._store:
                    with self._timed():
                        self._store.adopt(journal)
            except OSError as error:
                log.warning("tracking: %s is still unsent: %s", journal.path, error)
            finally:
                _put_away(journal)

    def close(self) -> None:
        if self._journal:
            if not self.flush():
                log.warning("tracking: %s holds what could not be sent; the next run sends it", self._journal.path)
            _put_away(self._journal)
            self._journal = None

    def _connected(self) -> "Store":
        prepare_mlflow()
        from unflare.tracking.store import Store  # takes seconds to import, and only a tracked run needs it

        return Store(self._place)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - start


def _put_away(journal: Journal) -> None:
    try:
        journal.close()
    except OSError as error:
        log.warning("tracking: the end of %s cannot be written: %s", journal.path, error)
