"""Work that may hang, crash or run out of memory, done in a process of its own.

One helper process serves job after job; a job that overruns its time or memory takes only that process with it. Jobs are module-level
functions with picklable arguments and results. The process is started as `python -m reluspec.engines.isolation`, so a user's script needs
no `if __name__ == "__main__"`.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import selectors
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import IO, Any

DEFAULT_SECONDS = 60.0
DEFAULT_MEGABYTES = 4096

START_SECONDS = 60.0
"""For a helper process to be there."""

_HEADER = 8


class IsolationError(Exception):
    """A job that did not finish; the message is `timeout`, `memory` or `crash`, with detail."""


class Isolated:
    """A helper process with limits: `seconds` per job, `megabytes` of address space. Not thread-safe."""

    def __init__(self, seconds: float = DEFAULT_SECONDS, megabytes: int = DEFAULT_MEGABYTES) -> None:
        self.seconds = seconds
        self.megabytes = megabytes
        self._process: subprocess.Popen[bytes] | None = None

    def call(self, job: Callable[..., Any], *arguments: Any) -> Any:
        """The job's result. Raises `IsolationError`."""
        try:
            process = self._running(job.__module__)
            assert process.stdin is not None
            assert process.stdout is not None
            _send(process.stdin, (job.__module__, job.__name__, arguments))
            kind, value = _receive(process.stdout, time.monotonic() + self.seconds)
        except TimeoutError:
            self.close()
            raise IsolationError(f"timeout after {self.seconds:g} s") from None
        except (OSError, EOFError, pickle.UnpicklingError):
            self.close()
            raise IsolationError("crash of the helper process") from None
        if kind == "memory":
            self.close()
            raise IsolationError(f"memory limit of {self.megabytes} MB")
        if kind == "error":
            raise IsolationError(f"crash: {value}")
        return value

    def _running(self, module: str) -> subprocess.Popen[bytes]:
        """The process, started and with the job's module imported: that does not count as the job's time."""
        if self._process is None or self._process.poll() is not None:
            # -P: the working folder may hold anybody's pickle.py, and must not be imported from.
            command = [sys.executable, "-P", "-m", "reluspec.engines.isolation", str(self.megabytes)]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            _send(self._process.stdin, (prepare.__module__, "prepare", (module,)))
            _receive(self._process.stdout, time.monotonic() + START_SECONDS)
        return self._process

    def close(self) -> None:
        """Stop the process, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):
                    if stream is not None:
                        stream.close()
            self._process = None

    def __enter__(self) -> Isolated:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _send(stream: IO[bytes], message: Any) -> None:
    data = pickle.dumps(message)
    stream.write(len(data).to_bytes(_HEADER, "big") + data)
    stream.flush()


def _receive(stream: IO[bytes], deadline: float) -> Any:
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        size = int.from_bytes(_read(stream, _HEADER, selector, deadline), "big")
        return pickle.loads(_read(stream, size, selector, deadline))


def _read(stream: IO[bytes], size: int, selector: selectors.BaseSelector, deadline: float) -> bytes:
    data = bytearray()
    while len(data) < size:
        if not selector.select(max(deadline - time.monotonic(), 0)):
            raise TimeoutError
        # read1 on the raw pipe: a buffered read would wait for more than is there, past the deadline.
        chunk = stream.raw.read(size - len(data)) if hasattr(stream, "raw") else stream.read(size - len(data))
        if not chunk:
            raise EOFError
        data += chunk
    return bytes(data)


def prepare(module: str) -> None:
    """The first job of every helper process: import what the others need."""
    import_module(module)


def serve(megabytes: int) -> None:
    """The helper process: read jobs from standard input, write results to standard output, until the input ends."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # not every system has limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    # What a job, or a library in C, prints must not get among the answers.
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while header := requests.read(_HEADER):
        module, name, arguments = pickle.loads(requests.read(int.from_bytes(header, "big")))
        try:
            answer = ("done", getattr(import_module(module), name)(*arguments))
        except MemoryError:
            answer = ("memory", None)
        except Exception as error:  # whatever a job raises is the caller's to report
            answer = ("error", f"{type(error).__name__}: {error}")
        _send(answers, answer)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        serve(int(sys.argv[1]))
