import pytest
import torch

import wsod_mm.models  # noqa: F401
from wsod_mm.functional.mining import top1_seeds
from wsod_mm.functional.mist_mining import mist_seeds
from wsod_mm.functional.pcl_mining import pcl_seeds
from wsod_mm.functional.refinement import assign_seeds
from wsod_mm.registry import TASK_UTILS

MINERS = {'Top1Miner': top1_seeds, 'PCLMiner': pcl_seeds, 'MISTMiner': mist_seeds}
SWITCHES = [
    ('Top1Miner', dict(eps=0.3)),
    ('PCLMiner', dict(eps=0.3)),
    ('PCLMiner', dict(graph_iou=0.05)),
    ('PCLMiner', dict(max_per_class=1)),
    ('PCLMiner', dict(min_left=40)),
    ('MISTMiner', dict(eps=0.3)),
    ('MISTMiner', dict(top_fraction=0.5)),
    ('MISTMiner', dict(nms_iou=0.01)),
    ('MISTMiner', dict(max_per_class=1)),
]


def image(rows=120, classes=3):
    generator = torch.Generator().manual_seed(0)
    corner = torch.rand(rows, 2, generator=generator) * 60
    boxes = torch.cat((corner, corner + 8 + torch.rand(rows, 2, generator=generator) * 40), dim=1)
    return boxes, torch.rand(rows, classes, generator=generator), torch.tensor([1.0, 0, 1])


@pytest.mark.parametrize('name', MINERS)
def test_defaults_are_those_of_the_function(name):
    seeds, expected = TASK_UTILS.build(dict(type=name))(*image()), MINERS[name](*image())
    for field, other in zip(seeds, expected, strict=True):
        assert torch.equal(field, other)


@pytest.mark.parametrize('name', MINERS)
def test_contract(name):
    boxes, scores, labels = image()
    scores.requires_grad_()
    seeds = TASK_UTILS.build(dict(type=name))(boxes, scores, labels)
    assert seeds.valid.any() and set(seeds.labels[seeds.valid].tolist()) == {1, 3}
    assert torch.equal(seeds.boxes, boxes[seeds.indices]) and not seeds.scores.requires_grad
    empty = TASK_UTILS.build(dict(type=name))(boxes, scores, labels * 0)
    assert not assign_seeds(boxes, empty).weights.any()


@pytest.mark.parametrize(('name', 'switch'), SWITCHES, ids=str)
def test_every_switch_changes_the_seeds(name, switch):
    default, changed = (
        [f[seeds.valid] for f in seeds]
        for seeds in (TASK_UTILS.build(dict(type=name, **a))(*image()) for a in ({}, switch))
    )
    assert any(not torch.equal(a, b) for a, b in zip(default, changed, strict=True))


@pytest.mark.parametrize('name', ['PCLMiner', 'MISTMiner'])
def test_max_rounds_is_handed_over(name):
    assert TASK_UTILS.build(dict(type=name, max_rounds=3)).max_rounds == 3
