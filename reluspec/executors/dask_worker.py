"""What runs in the workers of a Dask cluster."""

from __future__ import annotations

import pickle
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from reluspec.executors.protocol import Failure, Limits
from reluspec.isolation import Isolated, IsolationError
from reluspec.version import __version__

KEPT = 2
"""Runs whose prepared data a worker keeps: several may share a cluster."""
IDLE_SECONDS = 60
"""After which a helper process of another run ends: that run may have been killed."""


class WrongVersionError(Exception):
    """The worker has another reluspec than the one that sent the work."""


Job = Callable[[Any, Any], Any]

_lock = Lock()
_prepared: OrderedDict[str, tuple[Job, Any]] = OrderedDict()
_idle: dict[tuple[str, Limits], list[tuple[float, Job, Isolated]]] = {}


def hold(payload: bytes) -> bytes:
    """The data that all items of a run share, as a task: Dask hands its result to every worker that needs it."""
    return payload


def work_on(limits: Limits | None, run: str, payload: bytes, item: Any, version: str) -> Any:
    """Work on one item of a run, in a process with limits if there are any. `payload` is the pickled `(job, prepare, shared)` of the run.

    Only a worker unpickles that: the scheduler, which reads the tasks, need not know the job.
    """
    if version != __version__:
        raise WrongVersionError(f"it has reluspec {__version__}, not {version}")
    if limits is None:
        job, prepared = _ready(run, payload)
        return job(prepared, item)
    job, helper = _borrowed(run, payload, limits)
    try:
        return helper.call_prepared(job, item)
    except IsolationError as error:
        return Failure(str(error))
    finally:
        with _lock:
            _idle.setdefault((run, limits), []).append((time.monotonic(), job, helper))


def _ready(run: str, payload: bytes) -> tuple[Job, Any]:
    """The job of a run and `prepare(shared)`, made once in this process whatever the number of its threads."""
    with _lock:
        if run not in _prepared:
            job, prepare, shared = pickle.loads(payload)
            _prepared[run] = (job, prepare(shared))
            while len(_prepared) > KEPT:
                _prepared.popitem(last=False)
        return _prepared[run]


def _borrowed(run: str, payload: bytes, limits: Limits) -> tuple[Job, Isolated]:
    """The job of a run, and a helper process for it that nobody uses."""
    with _lock:
        ours = _idle.get((run, limits))
        if ours:
            return ours.pop()[1:]
        oldest = time.monotonic() - IDLE_SECONDS
        forgotten = [helper for idle in _idle.values() for since, _, helper in idle if since < oldest]
        for key, idle in _idle.items():
            _idle[key] = [entry for entry in idle if entry[0] >= oldest]
    for helper in forgotten:
        helper.close()
    job, prepare, shared = pickle.loads(payload)
    return job, Isolated(limits.seconds, limits.megabytes, prepare, shared)


def end_helpers(runs: Iterable[str]) -> None:
    """Forget runs, and end their helper processes."""
    with _lock:
        ended = [helper for key in list(_idle) if key[0] in runs for _, _, helper in _idle.pop(key)]
        for run in runs:
            _prepared.pop(run, None)
    for helper in ended:
        helper.close()
