"""Where training or another long pass over the data stands."""

from datetime import timedelta

from mmengine.logging import MessageHub

__all__ = ['current_iter', 'progress_text']


def current_iter() -> int:
    """Iteration of the running training, from 0; 0 when nothing trains.

    MMEngine's runner notes it before every iteration, on the host: reading it does not wait for the device.
    """
    return int(MessageHub.get_current_instance().runtime_info.get('iter', 0))


def progress_text(done: int, total: int, seconds: float, unit: str) -> str:
    """How far a pass is, how fast, and how long it will still take.

    Args:
        done: Units that are done, at least 1.
        total: All units.
        seconds: Since the start.
        unit: Name of the units, plural.

    Returns:
        For instance ``'1200/15724 images (8%), 35.2 images/s, 0:06:53 left'``.
    """
    rate = done / max(seconds, 1e-9)
    left = timedelta(seconds=round((total - done) / rate))
    return f'{done}/{total} {unit} ({done / total:.0%}), {rate:.1f} {unit}/s, {left} left'
