"""Work that may hang, crash or run out of memory, done in a process of its own.

One helper process serves job after job; a job that overruns its time or memory takes only that process with it. Jobs are module-level
functions with picklable arguments and results. The process is started as `python -m reluspec.isolation`, so a user's script needs
no `if __name__ == "__main__"`.

A helper leads a session of its own: Ctrl-C in a terminal reaches the program only, which can then note what is done. It ends when the
program does, in whatever way, even in the middle of a computation in C: see `_end_with_parent`.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import selectors
import signal
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
    """A helper process with limits: `seconds` per job, `megabytes` of address space. Not thread-safe.

    With `prepare` and `shared` the process makes `prepare(shared)` when it starts, for the jobs of `call_prepared`.
    """

    def __init__(
        self,
        seconds: float = DEFAULT_SECONDS,
        megabytes: int = DEFAULT_MEGABYTES,
        prepare: Callable[[Any], Any] | None = None,
        shared: Any = None,
    ) -> None:
        self.seconds = seconds
        self.megabytes = megabytes
        self.trouble = ""
        """Why the last job that did not finish did not."""
        self._setup = (prepare, shared)
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline: int | None = None

    def call(self, job: Callable[..., Any], *arguments: Any) -> Any:
        """`job(*arguments)`. Raises `IsolationError`."""
        return self._call("plain", job, arguments)

    def call_prepared(self, job: Callable[[Any, Any], Any], item: Any) -> Any:
        """`job(prepare(shared), item)`. Raises `IsolationError`."""
        return self._call("prepared", job, (item,))

    def _call(self, mode: str, job: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        try:
            return self._answer(mode, job, arguments)
        except IsolationError as error:
            self.trouble = str(error)
            raise

    def _answer(self, mode: str, job: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        try:
            process = self._running(job.__module__)
            assert process.stdin is not None
            assert process.stdout is not None
            _send(process.stdin, (mode, job.__module__, job.__name__, arguments))
            kind, value = _receive(process.stdout, time.monotonic() + self.seconds)
        except TimeoutError:
            self.close()
            raise IsolationError(f"timeout after {self.seconds:g} s") from None
        except (OSError, EOFError, pickle.UnpicklingError):
            self.close()
            raise IsolationError("crash of the helper process") from None
        return self._value(kind, value)

    def _value(self, kind: str, value: Any) -> Any:
        if kind == "memory":
            self.close()
            raise IsolationError(f"memory limit of {self.megabytes} MB")
        if kind == "error":
            raise IsolationError(f"crash: {value}")
        return value

    def _running(self, module: str) -> subprocess.Popen[bytes]:
        """The process, started and with the job's module imported: that does not count as the job's time."""
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._start()
            assert self._process is not None
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            job, shared = self._setup
            jobs = [("plain", import_job.__module__, import_job.__name__, (module,))]
            if job is not None:
                jobs.append(("prepare", job.__module__, job.__name__, (shared,)))
            for message in jobs:
                _send(self._process.stdin, message)
                self._value(*_receive(self._process.stdout, time.monotonic() + START_SECONDS))
        return self._process

    def _start(self) -> None:
        # -P: the working folder may hold anybody's pickle.py, and must not be imported from.
        command = [sys.executable, "-P", "-m", "reluspec.isolation", str(self.megabytes)]
        posix = os.name == "posix"
        ends: tuple[int, ...] = ()
        if posix:
            end, self._lifeline = os.pipe()
            ends, command = (end,), [*command, str(end)]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=ends,
                start_new_session=posix,
            )
        finally:
            for end in ends:
                os.close(end)

    def close(self) -> None:
        """Stop the process, whatever it is doing, and what it has started."""
        if self._process is not None:
            kill(self._process)
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):
                    if stream is not None:
                        stream.close()
            self._process = None
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    def __enter__(self) -> Isolated:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a helper process and the programs it runs, which are of its session."""
    if process.poll() is not None:
        return
    if os.name == "posix":
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


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


def import_job(module: str) -> None:
    """The first job of every helper process: import what the others need."""
    import_module(module)


def _end_with_parent(lifeline: int) -> None:
    """Be killed when the other end of a pipe closes, as it does when the parent ends in whatever way.

    The end of standard input would only be noticed between two jobs, and Linux's PR_SET_PDEATHSIG goes by the *thread* that started the
    process. SIGIO's default action ends the process even while it computes in C; the whole group gets it, so programs it runs end, too.
    Where that is not so (SIGIO is ignored by default outside Linux), the helper ends with its current job.
    """
    import fcntl
    import select

    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:
        os._exit(1)


def serve(megabytes: int) -> None:
    """The helper process: read jobs from standard input, write results to standard output, until the input ends."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # not every system has limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    # What a job, or a library in C, prints must not get among the answers.
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    prepared: list[Any] = []
    while header := requests.read(_HEADER):
        try:
            mode, module, name, arguments = pickle.loads(requests.read(int.from_bytes(header, "big")))
            value = getattr(import_module(module), name)(*(prepared if mode == "prepared" else ()), *arguments)
            if mode == "prepare":
                prepared, value = [value], None
            answer = ("done", value)
        except MemoryError:
            answer = ("memory", None)
        except Exception as error:  # whatever a job raises is the caller's to report
            answer = ("error", f"{type(error).__name__}: {error}")
        _send(answers, answer)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        with contextlib.suppress(ImportError, AttributeError, OSError):  # not every system has these signals
            _end_with_parent(int(sys.argv[2]))
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        serve(int(sys.argv[1]))
