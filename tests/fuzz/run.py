"""Coverage-guided fuzzing of the parser and of everything that reads JSON, by Atheris (libFuzzer).

    python tests/fuzz/run.py spec 10000
    python tests/fuzz/run.py artefact 10000 --seed 7

A traceback, a text that takes longer than 5 seconds of processor time or memory beyond 1 GiB ends the run with a code other than 0, and
the text is kept as `latest` in the folder that is named. Inputs that reach new branches of reluspec are kept and mutated further.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import atheris

SECONDS = 5
"""Of processor time, so that a busy machine makes no difference; twenty times as much by the clock."""
MEGABYTES = 1024
LONGEST = 400_000

with atheris.instrument_imports(include=["reluspec"]):
    from targets import TARGETS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("runs", type=int)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    target, seeds, mutate = TARGETS[arguments.target]
    folder = Path(tempfile.mkdtemp(prefix="reluspec-fuzz-"))
    (folder / "corpus").mkdir()
    for number, text in enumerate(seeds()):
        (folder / "corpus" / f"seed{number}").write_bytes(text.encode("utf-8"))
    counts = {"texts": 0, "accepted": 0}
    slowest = 0.0

    def one(data: bytes) -> None:
        nonlocal slowest
        begun = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        counts["texts"] += 1
        (folder / "latest").write_bytes(data)  # kept if this one fails
        counts["accepted"] += target(data.decode("utf-8", "replace"))
        signal.setitimer(signal.ITIMER_PROF, 0)
        if (took := time.process_time() - begun) > slowest:
            slowest = took
            (folder / "slowest").write_bytes(data)
        if counts["texts"] == arguments.runs:
            _done(counts, slowest, folder)

    def custom(data: bytes, longest: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.1:
            return bytes(atheris.Mutate(data, longest))
        return mutate(data.decode("utf-8", "replace"), random).encode("utf-8", "replace")[:longest]

    signal.signal(signal.SIGPROF, _hangs)
    options = [f"-seed={arguments.seed}", f"-timeout={20 * SECONDS}", f"-rss_limit_mb={MEGABYTES}", f"-max_len={LONGEST}"]
    options += [f"-runs={2 * arguments.runs}", f"-artifact_prefix={folder}/", "-verbosity=0", str(folder / "corpus")]
    atheris.Setup([sys.argv[0], *options], one, custom_mutator=custom)
    print(f"a text that fails is kept as {folder}/latest", flush=True)
    atheris.Fuzz()


class Hang(BaseException):
    """A text took too long; no handler of the program catches it."""


def _hangs(*_: object) -> None:
    raise Hang(f"more than {SECONDS} seconds of processor time")


def _done(counts: dict[str, int], slowest: float, folder: Path) -> None:
    kept = len(list((folder / "corpus").iterdir()))
    peak = int(next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")).split()[1]) // 1024
    print(f"{counts['texts']:,} texts, {counts['accepted']:,} accepted, {kept:,} kept")
    print(f"slowest {slowest:.2f} s of processor time, peak memory {peak} MB", flush=True)
    os._exit(0)  # libFuzzer would go on


if __name__ == "__main__":
    main()
