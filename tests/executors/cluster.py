"""A real Dask cluster on loopback: a scheduler and workers, each a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from distributed import Client

HERE = Path(__file__).parent
ALGEBRAIC = HERE.parent / "engines" / "algebraic"
START_SECONDS = 60


class Cluster:
    """`workers` worker processes of one thread each; with `nanny`, what dies is replaced."""

    def __init__(self, folder: Path, workers: int = 2, nanny: bool = False, **environment: str) -> None:
        self._file = folder / "scheduler.json"
        self._environment = {**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{ALGEBRAIC}", **environment}
        self._folder = folder
        # No scheduler of another test may be found by chance: any free port, told by the file.
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(self._file), "--no-dashboard"
        )
        deadline = time.monotonic() + START_SECONDS
        while not (self._file.exists() and self._file.read_text().endswith("}")):
            assert self.scheduler.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.address: str = json.loads(self._file.read_text())["address"]
        self.workers = [self.add(nanny) for _ in range(workers)]
        if workers:
            with Client(self.address, set_as_default=False) as client:
                client.wait_for_workers(workers, timeout=START_SECONDS)

    def add(self, nanny: bool = False) -> subprocess.Popen[bytes]:
        kind = "--nanny" if nanny else "--no-nanny"
        return self._start("worker", self.address, "--nthreads", "1", kind, "--no-dashboard", "--local-directory", str(self._folder))

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / "cluster.log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", "dask", *arguments], env=self._environment, stdout=log, stderr=log)

    def close(self) -> None:
        for process in [*self.workers, self.scheduler]:
            process.kill()
        for process in [*self.workers, self.scheduler]:
            process.wait()
