"""Signals in child processes."""

import signal


def accept_interrupts() -> None:
    """``preexec_fn`` of a child that a test interrupts.

    A suite that was started in the background has SIGINT ignored, and its children would inherit that.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
