"""A whole training step never waits for the device, seen on the CPU as operators that need a value on the host.

Where the CPU has a path of its own that looks at the data, the path of accelerators is put in its place.
"""

from importlib import import_module

import pytest

from tests.models.weak_detector import CASD, OICR, batch, build, view_batch
from wsod_mm.functional.clustering import _top_cluster_static
from wsod_mm.functional.mist_mining import _mist_seeds_static
from wsod_mm.functional.pcl_mining import _pcl_seeds_static
from wsod_mm.utils.measure import SyncTrace


@pytest.fixture
def accelerator_paths(monkeypatch):
    """Pooling and mining as they are off the CPU."""
    argmax, roi, ring = (import_module(f'wsod_mm.ops.{name}') for name in ('rect_argmax', 'roi_pool', 'ring_pool'))
    monkeypatch.setattr(argmax, '_levels', lambda lengths, limit: limit.bit_length())
    monkeypatch.setattr(argmax, '_used', lambda filled: slice(None))
    monkeypatch.setattr(ring, '_longest', lambda lengths, limit: limit)
    for module in (roi, ring):
        monkeypatch.setattr(module, '_distinct', lambda rects, *_: (rects, None))
        monkeypatch.setattr(module, '_check_images', lambda *_: None)

    monkeypatch.setattr(import_module('wsod_mm.functional.pcl_mining'), 'top_cluster', _top_cluster_static)

    def pcl(boxes, scores, labels, **options):
        return _pcl_seeds_static(boxes, scores.detach(), labels, range(scores.shape[1]), **options)

    monkeypatch.setattr(import_module('wsod_mm.models.miners.pcl_miner'), 'pcl_seeds', pcl)
    monkeypatch.setattr(import_module('wsod_mm.models.miners.mist_miner'), 'mist_seeds', _mist_seeds_static)


def traced_step(model, data):
    """Losses and backward pass under the trace; the batch is on the device before."""
    model.train()
    data = model.data_preprocessor(data, training=True)
    with SyncTrace() as trace:
        losses = model(**data, mode='loss')
        sum(value for name, value in losses.items() if 'loss' in name).backward()
    return trace, losses


MIST = dict(
    miner=dict(type='MISTMiner', max_per_class=5),
    reg_heads=dict(type='BranchBBoxHeads', in_channels=16, num_classes=4, num_branches=2),
    loss_bbox=dict(type='MISTBBoxLoss'),
)
FAST_RCNN = dict(
    head=dict(type='FastRCNNBranch', in_channels=16, num_classes=4),
    miner=dict(type='Top1Miner'),
    loss_cls=dict(type='OICRLoss'),
    loss_bbox=dict(type='FastRCNNBBoxLoss'),
)


#: name: (detector, replaced parts of its RoI head, batch)
STEPS = {
    'oicr': (OICR, {}, batch),
    'mist': (OICR, MIST, batch),
    'pcl': (OICR, dict(miner=dict(type='PCLMiner'), loss_refine=dict(type='PCLLoss'), fast_rcnn=FAST_RCNN), batch),
    'casd': (CASD, {}, view_batch),
    'casd-ca-iw': (CASD, dict(image_wise=dict(type='ImageWiseLoss', mode='code_ca_iw')), view_batch),
    'casd-master': (CASD, dict(image_wise=dict(type='ImageWiseLoss', mode='code_master')), view_batch),
    'casd-channels': (CASD, dict(inverted_attention=dict(type='InvertedAttention', mode='both')), view_batch),
}


@pytest.mark.parametrize(('config', 'parts', 'data'), STEPS.values(), ids=STEPS)
def test_training_step(config, parts, data, accelerator_paths):
    trace, losses = traced_step(build(config, **parts), data())
    assert sum(trace.operators.values()) > 500 and losses['loss_mil'] > 0
    assert not trace.waits, trace.waits


def test_the_trace_sees_what_the_cpu_paths_do():
    trace, _ = traced_step(build(CASD), view_batch())
    assert trace.waits
