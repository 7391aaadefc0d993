"""The Dask executor with a real scheduler and real workers on loopback: same maps, whoever dies; one message for what is wrong."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed")
sys.path.insert(0, str(Path(__file__).parents[1] / "engines" / "algebraic"))
import failing_jobs
import jobs
from cluster import HERE, Cluster

import reluspec
from reluspec.engines.convex import screen_work
from reluspec.errors import ExecutorError
from reluspec.executors import dask as dask_executor
from reluspec.executors.dask import DASK, KILLED
from reluspec.executors.protocol import Failure, Limits, Resources, Work
from reluspec.io.map_format import map_document, without_timings
from reluspec.minima.minima_map import MinimaMap

SPECS = Path(__file__).parents[2] / "specs"
ENGINES = ("convex", "algebraic")


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(HERE))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers that no test may harm."""
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    yield started
    started.close()


@pytest.fixture
def doomed(tmp_path: Path) -> Iterator[Cluster]:
    """Two workers and a scheduler to be killed."""
    started = Cluster(tmp_path)
    yield started
    started.close()


def document(minima: MinimaMap) -> dict[str, Any]:
    return without_timings(map_document(minima, critical=True))


def solve(cluster: Cluster, name: str, engine: str, **options: Any) -> dict[str, Any]:
    return document(reluspec.solve(reluspec.load(SPECS / f"{name}.rspec"), engine, executor="dask", scheduler=cluster.address, **options))


def local(name: str, engine: str) -> dict[str, Any]:
    return document(reluspec.solve(reluspec.load(SPECS / f"{name}.rspec"), engine, workers=1))


def run(address: str, work: Work, items: Any, workers: int | None = None) -> dict[int, Any]:
    with DASK.start(Resources(workers, address)) as started:
        return dict(started.run(work, items))


@pytest.fixture
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many ranges of few sets, so that there is something to be shared out and lost."""
    monkeypatch.setattr(screen_work, "range_length", lambda total: 10)


# Maps


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["closed_arc", pytest.param("poster", marks=pytest.mark.slow)])
def test_the_map_is_that_of_one_machine(engine: str, name: str, cluster: Cluster, small_ranges: None) -> None:
    assert solve(cluster, name, engine) == local(name, engine)


def test_few_at_a_time(cluster: Cluster, small_ranges: None) -> None:
    minima = reluspec.solve(reluspec.load(SPECS / "poster.rspec"), "convex", executor="dask", scheduler=cluster.address, workers=1)
    assert (minima.landscape.effort.executor, minima.landscape.effort.workers) == ("dask", 1)
    assert document(minima) == local("poster", "convex")


def once_at(moment: int, do: Callable[[], None]) -> Callable[[str, int, int], None]:
    """Progress that does something when so much of the first step is done."""
    steps: list[str] = []
    did: list[bool] = []

    def progress(step: str, done: int, total: int) -> None:
        steps.append(step)
        if step == steps[0] and done >= moment and not did:
            did.append(True)
            do()

    return progress


@pytest.mark.parametrize("engine", ENGINES)
def test_a_worker_is_killed_in_the_middle(engine: str, doomed: Cluster, small_ranges: None) -> None:
    killed = []

    def kill() -> None:
        doomed.workers[0].kill()
        killed.append(doomed.workers[0].wait())

    got = solve(doomed, "poster", engine, progress=once_at(60, kill))
    assert killed == [-signal.SIGKILL]
    assert got == local("poster", engine)


def test_workers_may_join(doomed: Cluster, small_ranges: None) -> None:
    """All workers are killed and a new one comes."""

    def replace() -> None:
        for worker in doomed.workers:
            worker.kill()
            worker.wait()
        doomed.workers.append(doomed.add())

    assert solve(doomed, "poster", "convex", progress=once_at(30, replace)) == local("poster", "convex")


@pytest.mark.parametrize("how", ["hang", "leave"])
def test_a_stratum_keeps_its_limits(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a worker, a stratum's process ends by time or crash: that stratum is undecided, the others are solved."""
    bad = "+++"
    started = Cluster(tmp_path, **{failing_jobs.BAD: bad, failing_jobs.HOW: how})
    monkeypatch.setattr(failing_jobs.engine, "stratum_job", failing_jobs.failing_job)
    try:
        problem = reluspec.load(SPECS / "three_points.rspec")
        minima = reluspec.solve(problem, "algebraic", executor="dask", scheduler=started.address, timeout=4)
    finally:
        started.close()
    reason = "timeout after 4 s" if how == "hang" else "crash of the helper process"
    assert [(entry.stratum, entry.reason) for entry in minima.undecided] == [(bad, reason)]
    assert sum(minima.landscape.ledger.values()) == 13


# Items


@pytest.mark.parametrize("limits", [None, Limits()])
def test_every_item_once_and_shared_data_once_per_worker(limits: Limits | None, cluster: Cluster, tmp_path: Path) -> None:
    work = Work(jobs.square, jobs.start, (str(tmp_path), 0.0), limits)
    assert run(cluster.address, work, range(30)) == {item: item * item for item in range(30)}
    prepared = list(tmp_path.glob("prepared.*"))
    assert 1 <= len(prepared) <= 2
    assert all(path.read_text() == "." for path in prepared)
    assert len(list(tmp_path.glob("begun-*"))) == 30


def test_the_workers_helpers_end_with_the_run(cluster: Cluster, tmp_path: Path) -> None:
    assert run(cluster.address, Work(jobs.square, jobs.start, (str(tmp_path), 0.0), Limits()), range(4))
    pids = {int(path.suffix[1:]) for path in tmp_path.glob("prepared.*")}
    assert pids
    assert not [pid for pid in pids if Path(f"/proc/{pid}/stat").exists()]


def test_what_is_not_done_is_cancelled(cluster: Cluster, tmp_path: Path) -> None:
    with DASK.start(Resources(None, cluster.address)) as started:
        results = started.run(Work(jobs.square, jobs.start, (str(tmp_path), 0.2)), range(1000))
        next(results)
        results.close()
        time.sleep(1)
    begun = len(list(tmp_path.glob("begun-*")))
    assert begun <= 8


def test_an_error_in_a_job_is_raised(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError, match="by nothing"):
        run(cluster.address, Work(jobs.trouble, jobs.start, (str(tmp_path), 0.0)), range(6))


@pytest.mark.slow
def test_an_item_that_kills_every_worker_is_given_up(tmp_path: Path) -> None:
    """Nannies replace the workers; nobody else is blamed."""
    started = Cluster(tmp_path, nanny=True)
    try:
        done = run(started.address, Work(jobs.fatal, jobs.start, (str(tmp_path), 0.0)), range(12))
    finally:
        started.close()
    assert done == {**{item: item * item for item in range(12)}, 3: Failure(KILLED)}


# What is wrong with a cluster

BARE = """
import importlib.metadata, sys
if {place!r} in sys.orig_argv:
    whole = importlib.metadata.Distribution.from_name
    def without(name):
        if name == "reluspec":
            raise importlib.metadata.PackageNotFoundError(name)
        return whole(name)
    importlib.metadata.Distribution.from_name = without
"""


def refused(address: str | None, words: str) -> None:
    begun = time.monotonic()
    with pytest.raises(ExecutorError, match=words) as caught:
        DASK.start(Resources(None, address))
    assert "\n" not in str(caught.value)
    assert time.monotonic() - begun < 30


def test_no_scheduler_given() -> None:
    refused(None, r"needs to know its scheduler: --scheduler tcp://HOST:PORT")


@pytest.mark.parametrize("address", ["nonsense", "htp://127.0.0.1:1", "tcp://127.0.0.1:99999", ""])
def test_no_address(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_executor, "CONNECT_SECONDS", 1)
    refused(address, "cannot be reached: .*Start one with `dask scheduler`")


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_executor, "CONNECT_SECONDS", 1)
    refused("tcp://127.0.0.1:1", "cannot be reached")


def test_something_else_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never says a word Dask would understand."""
    monkeypatch.setattr(dask_executor, "CONNECT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        refused(f"tcp://127.0.0.1:{server.getsockname()[1]}", "cannot be reached")


def test_no_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_executor, "CONNECT_SECONDS", 2)
    started = Cluster(tmp_path, workers=0)
    try:
        refused(started.address, f"the scheduler {started.address} has no workers. Start some: dask worker tcp://")
    finally:
        started.close()


def test_another_version_of_reluspec(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_executor, "__version__", "99")
    refused(cluster.address, r"the scheduler tcp://.* has reluspec .*, not 99 as here. Install on the scheduler and on every worker")


def test_a_worker_of_another_version_that_joins_later(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with DASK.start(Resources(None, cluster.address)) as started:
        monkeypatch.setattr(dask_executor, "__version__", "99")
        with pytest.raises(ExecutorError, match=r"a worker of tcp://.* cannot do the work: it has reluspec .*, not 99"):
            dict(started.run(Work(jobs.square, jobs.start, (str(tmp_path), 0.0)), range(3)))


@pytest.mark.parametrize("place", ["scheduler", "worker"])
def test_a_place_without_reluspec(place: str, tmp_path: Path) -> None:
    """Its interpreter finds Dask, but not our package's metadata."""
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "sitecustomize.py").write_text(BARE.format(place=place))
    started = Cluster(tmp_path, workers=1, PYTHONPATH=str(bare))
    try:
        refused(started.address, rf"the {place} tcp://.* has no reluspec. Install on the scheduler and on every worker what is installed")
    finally:
        started.close()


def test_a_job_that_workers_cannot_import(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "unknown_jobs.py").write_text("def job(prepared, item): return item\n")
    sys.path.insert(0, str(tmp_path))
    try:
        import unknown_jobs
    finally:
        sys.path.remove(str(tmp_path))
    with pytest.raises(ExecutorError, match="cannot do the work: No module named 'unknown_jobs'"):
        run(cluster.address, Work(unknown_jobs.job, jobs.start, (str(tmp_path), 0.0)), range(3))


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    refused("tcp://127.0.0.1:1", r"needs the package distributed \(.*\): pip install 'reluspec\[dask\]'")


def test_the_scheduler_dies(doomed: Cluster, small_ranges: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was solved is kept, and the run goes on on one machine to the same map."""
    monkeypatch.setattr(dask_executor, "CONNECT_SECONDS", 1)
    journal = tmp_path / "m.journal.sqlite"
    with pytest.raises(ExecutorError, match=r"the connection to the scheduler was lost.*--executor local"):
        solve(doomed, "poster", "convex", journal=journal, progress=once_at(60, doomed.scheduler.kill))
    assert journal.exists()
    problem = reluspec.load(SPECS / "poster.rspec")
    visited: list[int] = []
    minima = reluspec.solve(problem, "convex", journal=journal, progress=lambda step, done, total: visited.append(done))
    assert visited[0] > 60
    assert document(minima) == local("poster", "convex")
    assert not journal.exists()


def test_all_workers_die(doomed: Cluster, small_ranges: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_executor, "LOST_SECONDS", 1)

    def kill() -> None:
        for worker in doomed.workers:
            worker.kill()

    with pytest.raises(ExecutorError, match="all workers are gone"):
        solve(doomed, "poster", "convex", progress=once_at(60, kill))


# The command line


def test_the_command_line(cluster: Cluster, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "reluspec", "solve", str(SPECS / "poster.rspec"), "--executor", "dask"]
    done = subprocess.run([*command, "--scheduler", cluster.address, "-v"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "complete: 231 strata" in done.stdout
    assert "work done by the executor dask, 2 at a time" in done.stderr
    assert without_timings(map_document(reluspec.read_map(tmp_path / "poster.minima.json"))) == without_timings(
        map_document(reluspec.solve(reluspec.load(SPECS / "poster.rspec")))
    )
    for options, words in (([], "needs to know its scheduler"), (["--scheduler", "nonsense"], "cannot be reached")):
        done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("reluspec: error: ")
        assert done.stderr.count("\n") == 1
        assert words in done.stderr


@pytest.mark.slow
def test_one_message_where_nobody_answers(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "reluspec",
        "solve",
        str(SPECS / "poster.rspec"),
        "--executor",
        "dask",
        "--scheduler",
        "tcp://127.0.0.1:1",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "cannot be reached" in done.stderr
    assert not list(tmp_path.iterdir())
