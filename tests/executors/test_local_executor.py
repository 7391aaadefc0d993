"""The executor of one machine: threads, helper processes with limits, and nothing left over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jobs
import pytest

from reluspec.errors import ExecutorError
from reluspec.executors.local import LOCAL, processors
from reluspec.executors.protocol import Failure, Limits, Resources, Work


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def run(work: Work, items: Any, workers: int) -> dict[int, Any]:
    with LOCAL.start(Resources(workers)) as started:
        return dict(started.run(work, items))


def processes(folder: Path, word: str) -> list[str]:
    return sorted(path.name for path in folder.glob(f"{word}.*"))


@pytest.mark.parametrize("limits", [None, Limits(60, 4096)])
@pytest.mark.parametrize("workers", [1, 3])
def test_every_item_once_and_shared_data_once_per_worker(limits: Limits | None, workers: int, tmp_path: Path) -> None:
    work = Work(jobs.square, jobs.start, (str(tmp_path), 0.0), limits)
    assert run(work, range(20), workers) == {item: item * item for item in range(20)}
    prepared = list(tmp_path.glob("prepared.*"))
    assert all(path.read_text() == "." for path in prepared)
    assert len(prepared) <= (workers if limits else 1)
    assert sum(len(path.read_text()) for path in tmp_path.glob("begun-*")) == 20


def test_no_items(tmp_path: Path) -> None:
    assert run(Work(jobs.square, jobs.start, (str(tmp_path), 0.0), Limits()), [], 2) == {}


@pytest.mark.parametrize("limits", [None, Limits(60, 4096)])
def test_items_are_taken_as_workers_become_free(limits: Limits | None, tmp_path: Path) -> None:
    """Memory must not grow with the number of items."""
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(100):
            taken += 1
            yield item

    work = Work(jobs.square, jobs.start, (str(tmp_path), 0.0), limits)
    with LOCAL.start(Resources(2)) as started:
        for done, _ in enumerate(started.run(work, items()), 1):
            assert taken <= done + 4
    assert taken == 100


def test_failures_cost_their_item_only(tmp_path: Path) -> None:
    shared = (str(tmp_path), 0.0)
    for job, reason in ((jobs.fatal, "crash of the helper process"), (jobs.trouble, "crash: ZeroDivisionError: by nothing")):
        assert run(Work(job, jobs.start, shared, Limits()), range(6), 2) == {**{k: k * k for k in range(6)}, 3: Failure(reason)}
    done = run(Work(jobs.hang, jobs.start, shared, Limits(2)), range(6), 2)
    assert done[3] == Failure("timeout after 2 s")


def test_shared_data_that_cannot_be_prepared_is_a_failure_of_each_item(tmp_path: Path) -> None:
    done = run(Work(jobs.square, jobs.start, (str(tmp_path / "nowhere"), 0.0), Limits()), range(2), 1)
    assert [type(failure) for failure in done.values()] == [Failure, Failure]
    assert done[0].reason.startswith("crash: FileNotFoundError")


def test_closing_ends_what_runs(tmp_path: Path) -> None:
    before = threading.active_count()
    with LOCAL.start(Resources(2)) as started:
        results = started.run(Work(jobs.hang, jobs.start, (str(tmp_path), 0.0), Limits(600)), [3, 0, 1])
        next(results)
        begun = time.monotonic()
        results.close()
    assert time.monotonic() - begun < 20
    assert threading.active_count() == before


def test_all_processors_by_default() -> None:
    assert LOCAL.start(Resources()).count == processors() >= 1


def test_a_scheduler_is_refused() -> None:
    with pytest.raises(ExecutorError, match="the executor 'local' has no scheduler"):
        LOCAL.start(Resources(scheduler="tcp://127.0.0.1:1"))


# What becomes of helper processes

PARENT = """
import os, sys, time
from reluspec.isolation import Isolated
helper = Isolated(600)
print(helper.call(os.getpid), flush=True)
helper.call({job}, {argument})
"""


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def _running(session: int) -> list[int]:
    """The processes of a session that have not ended; one that ends with its parent does so a moment later."""
    processes = (int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _session(entry) == session)
    return [process for process in processes if alive(process)]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a helper ends with its job")
@pytest.mark.parametrize(
    ("job", "argument"),
    [("time.sleep", "1000"), ("sum", "range(10**12)"), ("os.system", "'sleep 1000'")],
    ids=["sleeping", "computing in C", "running a program"],
)
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_helpers_end_with_their_parent(job: str, argument: str, end: signal.Signals) -> None:
    """Whatever they do, however the parent ends; `sum` of a range keeps the interpreter's lock."""
    code = PARENT.format(job=job.replace("sum", "__import__('builtins').sum"), argument=argument)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        helper = int(parent.stdout.readline())
        time.sleep(0.3)
        assert alive(helper)
        parent.send_signal(end)
        parent.wait(timeout=10)
    deadline = time.monotonic() + 10
    while (left := _running(helper)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left


def _session(entry: Path) -> int:
    try:
        fields = (entry / "stat").read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return 0 if fields[0] == "Z" else int(fields[3])


def test_a_terminals_interrupt_does_not_reach_helpers() -> None:
    """They lead a session of their own: the program can note what is done before they end."""
    code = PARENT.format(job="time.sleep", argument="1000")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout is not None
        helper = int(parent.stdout.readline())
        assert os.getsid(helper) == helper != os.getsid(parent.pid)
        parent.kill()
