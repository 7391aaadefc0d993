"""The executor of many machines: a Dask cluster that the user runs (https://distributed.dask.org).

What all items share travels once to each worker, as the result of a task of its own: Dask copies it from worker to worker and makes it
again where it was lost. A worker that dies has its items done again elsewhere; one that kills worker after worker is tried alone at last,
so that nobody else is blamed, and then given up.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any
from uuid import uuid4

from reluspec.errors import ExecutorError
from reluspec.executors.dask_worker import WrongVersionError, end_helpers, hold, work_on
from reluspec.executors.protocol import Failure, Resources, Work
from reluspec.version import __version__

CONNECT_SECONDS = 10
"""For the scheduler to answer, and for a first worker to be there."""
LOST_SECONDS = 60
"""Without any worker before a run is given up: a cluster may be replacing them."""
LOOK_SECONDS = 1.0
"""Between looks at how many workers there are."""
AGAIN_SECONDS = 0.05
"""Before a result that was lost with its worker is asked for again."""
AHEAD = 2
"""Items in flight per thread of the cluster."""
NO_WORKERS = "the scheduler {address} has no workers. Start some: dask worker {address}"
KILLED = "crash: every worker that tried it died"
PACKAGES = ("reluspec", "python-flint", "numpy", "distributed")
"""Whose versions must be the workers': results travel as Python's own pickles."""


class DaskWorkers:
    """The threads of a cluster's workers."""

    def __init__(self, client: Any, address: str, limit: int | None) -> None:
        self._client = client
        self._address = address
        self._limit = limit
        self._seen = time.monotonic()
        self._looked = 0.0
        self._threads = 0
        self._runs: list[str] = []

    @property
    def count(self) -> int:
        """The cluster's threads, looked up now and then; no more than were asked for."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._look()
        return max(1, min(self._threads, self._limit or self._threads))

    def run(self, work: Work, items: Iterable[Any]) -> Generator[tuple[Any, Any], None, None]:
        """Each item with its result, as they are done. Raises `ExecutorError` where the cluster is lost."""
        batch = _Batch(self, self._client, work)
        self._runs.append(batch.name)
        suspects: list[Any] = []
        try:
            for item, result in batch.results(items):
                if isinstance(result, _Killed):
                    suspects.append(item)
                else:
                    yield item, result
            for suspect in suspects:  # alone: whatever worker dies now, dies of it
                for item, result in batch.results([suspect]):
                    yield item, Failure(KILLED) if isinstance(result, _Killed) else result
        finally:
            batch.end()

    def _look(self) -> None:
        """Count the workers. Raises `ExecutorError` when the scheduler, or for some time every worker, has gone."""
        try:
            self._threads = sum(self._client.nthreads().values()) if self._client.status == "running" else -1
        except Exception:  # whatever the client makes of a lost connection
            self._threads = -1
        if self._threads < 0:
            raise self.lost("the connection to the scheduler was lost")
        self._looked = now = time.monotonic()
        if self._threads:
            self._seen = now
        elif now - self._seen > LOST_SECONDS:
            raise self.lost("all workers are gone")

    def lost(self, what: str) -> ExecutorError:
        """The error for a cluster that does not go on."""
        return ExecutorError(
            f"{what} ({self._address}). What was solved is kept: see to the cluster and run the same command again, or go on with "
            "--executor local"
        )

    def __enter__(self) -> DaskWorkers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with contextlib.suppress(Exception):  # the cluster may be gone
            if self._client.status == "running":
                self._client.run(end_helpers, self._runs)
            self._client.close(timeout=CONNECT_SECONDS)


class _Killed:
    """In place of the result of an item that killed one worker after another, or was near one that did."""


class _Batch:
    """The tasks of one piece of work."""

    def __init__(self, workers: DaskWorkers, client: Any, work: Work) -> None:
        self._workers = workers
        self._client = client
        self._work = work
        self.name = f"reluspec-{uuid4().hex}"
        self._shared = client.submit(hold, pickle.dumps((work.job, work.prepare, work.shared)), key=f"{self.name}-shared", pure=False)
        self._done: SimpleQueue[Any] = SimpleQueue()
        self._running: dict[Any, Any] = {}
        self._submitted = 0

    def results(self, items: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        source = iter(items)
        while True:
            ahead = self._workers.count
            ahead = ahead if ahead == self._workers._limit else AHEAD * ahead
            for item in islice(source, max(ahead - len(self._running), 0)):
                self._submit(item)
            if not self._running:
                return
            yield from self._gathered(self._next())

    def _submit(self, item: Any) -> None:
        self._submitted += 1
        key = f"{self.name}-{self._submitted}"
        arguments = (self._work.limits, self.name, self._shared, item, __version__)
        future = self._client.submit(work_on, *arguments, key=key, pure=False)
        self._running[future] = item
        future.add_done_callback(self._done.put)

    def _next(self) -> Any:
        """A future that is done."""
        while True:
            try:
                return self._done.get(timeout=LOOK_SECONDS)
            except Empty:
                self._workers._look()

    def _gathered(self, future: Any) -> Iterator[tuple[Any, Any]]:
        """The item and its result, or nothing yet where the worker that holds it has died: then Dask makes it again."""
        try:
            value = future.result(timeout=LOOK_SECONDS)
        except Exception:
            if future.status not in ("error", "cancelled"):
                self._workers._look()
                time.sleep(AGAIN_SECONDS)
                self._done.put(future)
                return
            value = self._trouble(future)
        yield self._running.pop(future), value

    def _trouble(self, future: Any) -> _Killed:
        """What an item that will have no result means. Raises what ends the run."""
        from distributed.scheduler import KilledWorker

        if future.status == "cancelled":
            raise self._workers.lost("the connection to the scheduler was lost")
        error = future.exception(timeout=CONNECT_SECONDS)
        if isinstance(error, KilledWorker):
            return _Killed()
        if isinstance(error, WrongVersionError | ImportError):
            raise ExecutorError(f"a worker of {self._workers._address} cannot do the work: {error}. {_install()}") from None
        raise error

    def end(self) -> None:
        """Cancel what is not done."""
        with contextlib.suppress(Exception):  # the cluster may be gone
            if self._client.status == "running":
                self._client.cancel([*self._running, self._shared])
        self._running.clear()


class DaskExecutor:
    """The workers of a Dask cluster."""

    name = "dask"
    summary = "the workers of a Dask cluster (--scheduler tcp://HOST:PORT; needs reluspec[dask])"

    def start(self, resources: Resources) -> DaskWorkers:
        """Connect to the scheduler, and see that its workers can do the work."""
        address = resources.scheduler
        if address is None:
            raise ExecutorError("the executor 'dask' needs to know its scheduler: --scheduler tcp://HOST:PORT (`dask scheduler` prints it)")
        try:
            from distributed import Client
        except ImportError as error:
            raise ExecutorError(f"the executor 'dask' needs the package distributed ({error}): pip install 'reluspec[dask]'") from None
        client = _connected(Client, address)
        workers = DaskWorkers(client, address, resources.workers)
        try:
            _check(client, address)
        except BaseException:
            workers.__exit__(None, None, None)
            raise
        return workers


def _connected(kind: Any, address: str) -> Any:
    """A client of the scheduler. Raises `ExecutorError`."""
    for name in ("distributed", "distributed.client", "distributed.comm", "distributed.core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what it has to say is said here
    client = kind.__new__(kind)
    ended: SimpleQueue[Exception | None] = SimpleQueue()

    def connect() -> None:
        try:
            client.__init__(address, timeout=CONNECT_SECONDS, set_as_default=False, name="reluspec")
            ended.put(None)
        except Exception as error:  # of many kinds: bad address, no route, no certificate, another protocol
            ended.put(error)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of versions: they are compared later
        # In a thread: against a server that accepts and says nothing the client's own time limit does not hold.
        Thread(target=connect, daemon=True).start()
        try:
            error = ended.get(timeout=CONNECT_SECONDS + 1)
        except Empty:
            error = TimeoutError("no answer")
    if error is not None:
        client.status = "closed"  # or its finaliser would wait for a connection that never was
        reason = " ".join(str(error).split()) or type(error).__name__
        if not isinstance(error, OSError | ValueError):
            reason = f"what answers there is no Dask scheduler of this version ({reason})"
        raise ExecutorError(
            f"the scheduler {address} cannot be reached: {reason}. Start one with `dask scheduler` and give the address that it prints"
        ) from None
    return client


def _check(client: Any, address: str) -> None:
    """There are workers, and they have our versions. Raises `ExecutorError`."""
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except Exception:
        raise ExecutorError(NO_WORKERS.format(address=address)) from None
    import platform
    from importlib.metadata import version

    # Functions of the standard library: a worker without reluspec can answer, too.
    asked = [("Python", platform.python_version, ())] + [(name, version, (name,)) for name in PACKAGES]
    for name, function, arguments in asked:
        here = function(*arguments) if name != "reluspec" else __version__
        found = {f"the worker {worker}": there for worker, there in client.run(function, *arguments, on_error="return").items()}
        for place, there in {f"the scheduler {address}": _of_scheduler(client, function, *arguments), **found}.items():
            if isinstance(there, BaseException):
                raise ExecutorError(f"{place} has no {name}. {_install()}")
            if _series(name, there) != _series(name, here):
                raise ExecutorError(f"{place} has {name} {there}, not {here} as here. {_install()}")


def _of_scheduler(client: Any, function: Callable[..., str], *arguments: str) -> str | Exception:
    """What a function gives there: the scheduler reads the tasks, too."""
    try:
        return str(client.run_on_scheduler(function, *arguments))
    except Exception as error:
        return error


def _series(name: str, version: str) -> str:
    """As much of a version as must agree: of Python and NumPy 3.11 of 3.11.4."""
    return ".".join(version.split(".")[:2]) if name in ("Python", "numpy") else version


def _install() -> str:
    return f"Install on the scheduler and on every worker what is installed here: pip install 'reluspec[dask]=={__version__}'"


DASK = DaskExecutor()
