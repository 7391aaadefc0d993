"""The executor of one machine: threads for what releases the interpreter's lock, helper processes for what needs limits."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from queue import SimpleQueue
from threading import Lock
from types import TracebackType
from typing import Any

from reluspec.errors import ExecutorError
from reluspec.executors.protocol import Failure, Limits, Resources, Work
from reluspec.isolation import Isolated, IsolationError, kill

AHEAD = 2
"""Items in flight per worker: the next one is there when one is done."""


class StoppableHelper(Isolated):
    """A helper process that the main thread may stop while another one waits for its answer.

    `close` is for the waiting thread only: where another one closes the pipe, nothing wakes it before the time limit.
    """

    def __init__(self, limits: Limits, work: Work) -> None:
        super().__init__(limits.seconds, limits.megabytes, work.prepare, work.shared)
        self._lock, self._stopped = Lock(), False

    def stop(self) -> None:
        """End the process; none is started again."""
        with self._lock:
            self._stopped, process = True, self._process
        if process is not None:
            kill(process)

    def _start(self) -> None:
        with self._lock:
            if self._stopped:
                raise IsolationError("crash: the run has been stopped")
            super()._start()


class LocalWorkers:
    """Threads of this process, each with a helper process where the work has limits."""

    def __init__(self, count: int) -> None:
        self.count = count

    def run(self, work: Work, items: Iterable[Any]) -> Generator[tuple[Any, Any], None, None]:
        """Each item with its result, as they are done."""
        return self._in_threads(work, items) if work.limits is None else self._in_processes(work, work.limits, items)

    def _in_threads(self, work: Work, items: Iterable[Any]) -> Generator[tuple[Any, Any], None, None]:
        prepared = work.prepared if work.prepared is not None else work.prepare(work.shared)
        if self.count == 1:
            for item in items:
                yield item, work.job(prepared, item)
            return
        with ThreadPoolExecutor(self.count) as pool:
            yield from _as_done(pool, lambda item: work.job(prepared, item), items, AHEAD * self.count)

    def _in_processes(self, work: Work, limits: Limits, items: Iterable[Any]) -> Generator[tuple[Any, Any], None, None]:
        """One item that hangs, crashes or runs out of memory costs itself only."""
        made = [StoppableHelper(limits, work) for _ in range(self.count)]  # the processes start with their first item
        helpers: SimpleQueue[StoppableHelper] = SimpleQueue()
        for helper in made:
            helpers.put(helper)

        def do(item: Any) -> Any:
            helper = helpers.get()
            try:
                return helper.call_prepared(work.job, item)
            except IsolationError as error:
                return Failure(str(error))
            finally:
                helpers.put(helper)

        pool = ThreadPoolExecutor(self.count)
        try:
            yield from _as_done(pool, do, items, AHEAD * self.count)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for helper in made:
                helper.stop()
            pool.shutdown()
            for helper in made:
                helper.close()

    def __enter__(self) -> LocalWorkers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass


def _as_done(
    pool: ThreadPoolExecutor, do: Callable[[Any], Any], items: Iterable[Any], ahead: int
) -> Generator[tuple[Any, Any], None, None]:
    """Results as they come, with at most `ahead` items taken that are not done."""
    source = iter(items)
    running: dict[Future[Any], Any] = {}
    try:
        while True:
            running.update((pool.submit(do, item), item) for item in islice(source, ahead - len(running)))
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
    finally:
        for future in running:
            future.cancel()


class LocalExecutor:
    """Threads and processes of this machine."""

    name = "local"
    summary = "threads and helper processes of this machine"

    def start(self, resources: Resources) -> LocalWorkers:
        """As many workers as there are processors, unless fewer or more are asked for."""
        if resources.scheduler is not None:
            raise ExecutorError("the executor 'local' has no scheduler. Use --executor dask with it, or leave --scheduler out")
        return LocalWorkers(resources.workers or processors())


def processors() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


LOCAL = LocalExecutor()
