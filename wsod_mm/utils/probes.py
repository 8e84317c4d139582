"""Asking the libraries about themselves in another process, so that a crash is an answer too."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

__all__ = ['CV2', 'OPS', 'PKG_RESOURCES', 'TORCH', 'Probe', 'run_probe']


@dataclass(frozen=True)
class Probe:
    """Outcome of a piece of code run in its own process.

    Args:
        data: What the code printed as JSON; ``None`` when it failed.
        error: Last line of its error output, or what ended it.
    """

    data: Any = None
    error: str = ''


def run_probe(code: str, timeout: float = 300.0) -> Probe:
    """Run ``code``, which prints one JSON value as its last line, in a fresh interpreter."""
    try:
        result = subprocess.run(
            [sys.executable, '-c', code],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Probe(error=f'no answer within {timeout:.0f} s')
    if result.returncode < 0:
        return Probe(error=f'the interpreter was ended by signal {-result.returncode} (a broken binary)')
    lines = result.stdout.strip().splitlines()
    if result.returncode or not lines:
        errors = [line for line in result.stderr.strip().splitlines() if line.strip()]
        return Probe(error=errors[-1][:300] if errors else f'exit code {result.returncode}')
    return Probe(data=json.loads(lines[-1]))


TORCH = """
import json, torch
cuda = torch.cuda.is_available()
cards = range(torch.cuda.device_count()) if cuda else ()
print(json.dumps(dict(version=torch.__version__, built_for=torch.version.cuda, available=cuda,
    devices=[torch.cuda.get_device_name(i) for i in cards])))
"""

# Each op runs on a tiny input; an absent kernel raises, and that is the answer.
OPS = """
import json, torch
from mmcv import ops
def cases(d):
    b = torch.tensor([[0., 0, 9, 9], [0, 0, 9, 8], [20, 20, 30, 30]], device=d)
    s = torch.tensor([.9, .8, .7], device=d)
    x, r = torch.rand(1, 4, 16, 16, device=d), torch.tensor([[0., 0, 0, 9, 9]], device=d)
    w, o = torch.rand(2, 4, 3, 3, device=d), torch.zeros(1, 18, 14, 14, device=d)
    return dict(
        nms=lambda: ops.nms(b, s, .5)[1].tolist() == [0, 2],
        roi_align=lambda: ops.roi_align(x, r, (2, 2), 1., 0, 'avg', True).shape == (1, 4, 2, 2),
        roi_pool=lambda: ops.roi_pool(x, r, (2, 2), 1.).shape == (1, 4, 2, 2),
        deform_conv2d=lambda: ops.deform_conv2d(x, o, w).shape == (1, 2, 14, 14),
        sigmoid_focal_loss=lambda: ops.sigmoid_focal_loss(
            torch.rand(3, 2, device=d), torch.tensor([0, 1, 2], device=d)).isfinite().item())
def attempt(call):
    try:
        return bool(call())
    except Exception:
        return False
devices = ['cpu'] + (['cuda'] if torch.cuda.is_available() else [])
print(json.dumps({d: {n: attempt(c) for n, c in cases(d).items()} for d in devices}))
"""

CV2 = """
import json, cv2, numpy as np
found = False
if hasattr(cv2, 'ximgproc'):
    s = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    image = np.zeros((32, 32, 3), np.uint8)
    image[8:20, 8:20] = 255
    s.setBaseImage(image)
    s.switchToSelectiveSearchFast()
    found = len(s.process()) > 0
print(json.dumps(dict(version=cv2.__version__, selective_search=found)))
"""

PKG_RESOURCES = """
import json, warnings
warnings.simplefilter('ignore')
import pkg_resources
print(json.dumps(True))
"""
