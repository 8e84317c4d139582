"""Where training stands, for parts of a model that change over it."""

from mmengine.logging import MessageHub

__all__ = ['current_iter']


def current_iter() -> int:
    """Iteration of the running training, from 0; 0 when nothing trains.

    MMEngine's runner notes it before every iteration, on the host: reading it does not wait for the device.
    """
    return int(MessageHub.get_current_instance().runtime_info.get('iter', 0))
