"""How far a tool is, read from what it prints."""

import re
from dataclasses import dataclass

__all__ = ['Progress', 'parse_progress']

_BAR = re.compile(r'^(?P<name>[^:|]{0,40}):?\s+(?P<percent>\d{1,3})%\|')
_EPOCH = re.compile(r'Epoch\(train\)\s+\[(\d+)\]\[\s*(\d+)/(\d+)\]')
_ITER = re.compile(r'Iter\(train\)\s+\[\s*(\d+)/(\d+)\]')
_TEST = re.compile(r'(?:Epoch|Iter)\((test|val)\)\s+(?:\[\d+\])?\[\s*(\d+)/(\d+)\]')
_LOSS = re.compile(r'\bloss: ([\d.]+(?:e-?\d+)?|nan|inf)')
_FINAL = re.compile(r'(?:voc|cls)/(\w+): ([\d.]+)')


@dataclass(frozen=True)
class Progress:
    """How far a stage is.

    Attributes:
        fraction: 0 to 1, ``None`` when the line does not tell.
        text: A few words.
    """

    fraction: float | None
    text: str


def parse_progress(line: str, epochs: int | None = None) -> Progress | None:
    """Read a line of MMEngine's log or of a tqdm bar.

    Args:
        line: The line, without its end.
        epochs: Number of epochs of the training.

    Returns:
        ``None`` for a line that says nothing about progress.
    """
    loss = _LOSS.search(line)
    words = f' loss {float(loss.group(1)):.3g}' if loss else ''
    if match := _EPOCH.search(line):
        epoch, step, steps = map(int, match.groups())
        if epochs:
            return Progress((epoch - 1 + step / steps) / epochs, f'epoch {epoch}/{epochs}{words}')
        return Progress(None, f'epoch {epoch}{words}')
    if match := _ITER.search(line):
        step, steps = map(int, match.groups())
        return Progress(step / steps, f'iteration {step}/{steps}{words}')
    if match := _TEST.search(line):
        kind, step, steps = match.group(1), int(match.group(2)), int(match.group(3))
        numbers = ' '.join(f'{name} {float(value):.1f}' for name, value in _FINAL.findall(line))
        # a validation in the middle of training says nothing about the whole
        return Progress(step / steps if kind == 'test' else None, numbers or f'{kind} {step}/{steps}')
    if match := _BAR.match(line.strip()):
        name = match.group('name').strip()
        return Progress(int(match.group('percent')) / 100, name)
    return None
