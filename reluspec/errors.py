"""Every error a user can cause. Each carries one clear message: the place, the value found, a remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reluspec.language.diagnostics import Diagnostic


class ReluspecError(Exception):
    """Base of all errors that reach a user; the command line prints the message and exits with `exit_code`."""

    exit_code = 1


class SpecError(ReluspecError):
    """A `.rspec` text is wrong; the message holds every diagnostic of the file, in order."""

    def __init__(self, message: str, diagnostics: tuple[Diagnostic, ...] = ()) -> None:
        super().__init__(message)
        self.diagnostics = diagnostics


class ProblemError(ReluspecError):
    """A problem built from Python contradicts itself (lengths, signs, ranges)."""


class UnsupportedProblemError(ReluspecError):
    """No engine can take the problem; the message names the construct, the engine and the reason."""


class LimitError(ReluspecError):
    """The request is larger than a stated limit; the message says how large it is."""


class StratumError(ReluspecError):
    """The name of a stratum does not fit the problem."""


class ArtefactError(ReluspecError):
    """A file cannot be read or written, or does not follow its schema."""


class PluginError(ReluspecError):
    """A plugin is unknown, or two plugins claim one name."""


class KernelError(ReluspecError):
    """`RELUSPEC_KERNEL` asks for a float screen that is unknown or cannot run here."""


class ExecutorError(ReluspecError):
    """Workers cannot be started or reached, or were lost."""


class MissingPackageError(ReluspecError):
    """Something optional is asked for whose package is not installed; the message says how to install it."""


class UsageError(ReluspecError):
    """The command line's words are off."""

    exit_code = 2
