"""What a computation costs, by stages that the caller names: FLOPs, memory, time, and operators that wait."""

import time
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

__all__ = ['SYNCHRONISING', 'FlopStages', 'MemoryStages', 'SyncTrace', 'TimeStages', 'no_stage']

# operators that need a value on the host; on a GPU they wait until everything before them is done
SYNCHRONISING = frozenset({'_local_scalar_dense', 'nonzero', 'masked_select', '_unique2', 'equal', 'is_nonzero'})

# these look for the places first if the index is a mask
MASKED = frozenset({'index', 'index_put', 'index_put_'})

# what autograd does in place to gradients, unless a dispatch mode is on
IN_PLACE = frozenset({'add', 'index_add'})

REST = 'rest'
PARAMETERS = 'parameters'


@contextmanager
def no_stage(name: str) -> Iterator[None]:
    """Stands where ``stage`` of a meter may stand, and measures nothing."""
    yield


class _Stages(TorchDispatchMode):
    """A dispatch mode that knows the stage of an operator, in backward passes the one of its forward pass.

    Autograd numbers its nodes as they are made, so a stage is a span of numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        self._open = [REST]
        self._spans: list[list] = []  # name, first number, end; in the order of opening

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Everything in here belongs to stage ``name``, but for the stages within it."""
        span = [name, torch.autograd._get_sequence_nr(), float('inf')]
        self._spans.append(span)
        self._open.append(name)
        try:
            yield
        finally:
            self._open.pop()
            span[2] = torch.autograd._get_sequence_nr()

    def current(self) -> str:
        """The stage of the operator that runs."""
        node = torch._C._current_autograd_node()
        if node is None:
            return self._open[-1]
        number = node._sequence_nr()
        # an inner stage was opened after the outer one
        return next((name for name, first, end in reversed(self._spans) if first <= number < end), REST)


class FlopStages(_Stages):
    """FLOPs of each stage, forward and backward, from torch's flop counter: two for a multiplication and an addition.

    Works on fake tensors, which need neither time nor memory.

    Attributes:
        flops: FLOPs by stage.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops: Counter[str] = Counter()
        self._counter = FlopCounterMode(display=False)

    def __enter__(self):
        self._counter.__enter__()  # first, so that what passes through here gets there
        return super().__enter__()

    def __exit__(self, *args):
        super().__exit__(*args)
        self._counter.__exit__(*args)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        before = self._counter.get_total_flops()
        result = func(*args, **(kwargs or {}))
        self.flops[self.current()] += self._counter.get_total_flops() - before
        return result


class MemoryStages(_Stages):
    """Bytes in tensors that are alive, and the most there ever were.

    Counts storages, however many tensors share one, from the operator that makes them until nothing holds them. What
    an operator takes and gives back while it runs is not seen, nor is what the allocator keeps. Works on fake tensors.

    Parameters and their gradients are counted apart. (A gradient is known by its size, so no other tensor should be
    as large as a parameter.)

    Under a dispatch mode autograd makes new tensors for sums of gradients that it otherwise forms in place. They are
    counted when what they were made of is gone.

    Args:
        parameters: Parameters of the computation, which are there all the time.

    Attributes:
        peak: Most bytes at one time, without parameters and their gradients.
        peak_parts: At that time: bytes by (stage, operator) that made the tensors.
        total_peak: Most bytes at one time, with parameters and their gradients.
    """

    def __init__(self, parameters: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self.peak = self.total_peak = 0
        self.peak_parts: Counter[tuple[str, str]] = Counter()
        self._live = self._total = 0
        self._parts: Counter[tuple[str, str]] = Counter()
        self._known: dict[int, weakref.ref] = {}
        self._gradient_sizes: set[int] = set()
        parameters = list(parameters)
        self.add(parameters, PARAMETERS)
        self._gradient_sizes.update(p.untyped_storage().nbytes() for p in parameters)

    @property
    def live(self) -> int:
        """Bytes now, without parameters and their gradients."""
        return self._live

    def add(self, tensors: Iterable[Tensor], name: str) -> None:
        """Count tensors that were there before, as the part (``name``, '')."""
        for tensor in tensors:
            self._count(tensor, (name, ''))

    def _count(self, tensor: Tensor, part: tuple[str, str], in_place: bool = False) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        apart = part[0] == PARAMETERS

        def forget(_) -> None:
            del self._known[key]
            self._change(-size, part, apart)

        self._known[key] = weakref.ref(storage, forget)
        self._change(size, part, apart)
        if in_place:
            return
        self.total_peak = max(self.total_peak, self._total)
        if self._live > self.peak:
            self.peak, self.peak_parts = self._live, +self._parts

    def _change(self, size: int, part: tuple[str, str], apart: bool) -> None:
        self._total += size
        if not apart:
            self._live += size
            self._parts[part] += size

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        part = self.current(), func.overloadpacket.__name__
        node = torch._C._current_autograd_node()
        # not those of a Function in Python, which does what it says
        in_place = node is not None and part[1] in IN_PLACE and not isinstance(node, BackwardCFunction)
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, Tensor):
                gradient = node is not None and tensor.untyped_storage().nbytes() in self._gradient_sizes
                self._count(tensor, (PARAMETERS, 'gradients') if gradient else part, in_place)
        return result


class SyncTrace(_Stages):
    """Which operators would wait for a GPU, seen on the CPU.

    Attributes:
        waits: How often, by (stage, operator).
        operators: How many operators there were in each stage.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[tuple[str, str]] = Counter()
        self.operators: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        stage, name = self.current(), func.overloadpacket.__name__
        self.operators[stage] += 1
        if name in SYNCHRONISING:
            self.waits[stage, name] += 1
        elif name in MASKED and any(t is not None and t.dtype in (torch.bool, torch.uint8) for t in args[1]):
            # one value for all places is filled in without looking for them
            if name == 'index' or args[2].numel() > 1:
                self.waits[stage, f'{name} by a mask'] += 1
        return func(*args, **(kwargs or {}))


class TimeStages:
    """Seconds of each stage, without those of the stages within it.

    Args:
        device: The clock waits for it at the borders of the stages.

    Attributes:
        seconds: By stage.
    """

    def __init__(self, device: str = 'cpu') -> None:
        self.seconds: Counter[str] = Counter()
        self._device = torch.device(device)
        self._open: list[str] = []
        self._since = 0.0

    def _note(self) -> None:
        if self._device.type == 'cuda':
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens in here."""
        self._note()
        self._open.append(name)
        try:
            yield
        finally:
            self._note()
            self._open.pop()
