import copy

import pytest
import torch

from tests.models.weak_detector import OICR, batch, build, predict
from wsod_mm.functional.boxes import flip_boxes_inclusive
from wsod_mm.registry import MODELS


def wrapped(**tta_cfg):
    model = MODELS.build(dict(type='WeakTTAModel', module=build(OICR), tta_cfg=tta_cfg))
    return model.eval()


def views_of(data: dict) -> dict:
    """The image and its mirror, as ``TestTimeAug`` and the collate function give them."""
    mirrored = copy.deepcopy(data)
    for i, sample in enumerate(mirrored['data_samples']):
        width = sample.metainfo['img_shape'][1]
        mirrored['inputs'][i] = mirrored['inputs'][i].flip(-1)
        sample.proposals.bboxes = flip_boxes_inclusive(sample.proposals.bboxes, width)
        sample.set_metainfo(dict(flip=True, flip_direction='horizontal'))
    return {key: [data[key], mirrored[key]] for key in data}


def run(model, views):
    with torch.no_grad():
        return model.test_step(copy.deepcopy(views))


def test_scores_of_the_same_proposals_are_averaged():
    data = batch()
    views = views_of(data)
    model = wrapped()
    merged = run(model, views)
    singles = [predict(model.module, {k: v[i] for k, v in views.items()}) for i in range(2)]
    for image, sample in enumerate(merged):
        scores = torch.stack([single[image].proposal_instances.scores for single in singles]).mean(dim=0)
        torch.testing.assert_close(sample.top1_instances.scores, scores.max(dim=0).values)
        assert 'proposal_instances' not in sample
        boxes = data['data_samples'][image].proposals.bboxes
        torch.testing.assert_close(sample.top1_instances.bboxes, boxes[scores.argmax(dim=0)])


def test_one_view_equals_no_augmentation():
    data = batch()
    merged = run(wrapped(), {k: [v] for k, v in data.items()})
    for sample, plain in zip(merged, predict(build(OICR), data), strict=True):
        torch.testing.assert_close(sample.pred_instances.bboxes, plain.pred_instances.bboxes)
        torch.testing.assert_close(sample.pred_instances.scores, plain.pred_instances.scores)


def test_tta_cfg_replaces_test_cfg():
    views = views_of(batch())
    assert len(run(wrapped(max_per_img=2), views)[0].pred_instances) == 2


def test_different_proposals_in_the_views_are_an_error():
    views = views_of(batch())
    views['data_samples'][1][0].proposals = views['data_samples'][1][0].proposals[:-1]
    with pytest.raises(ValueError, match='ProposalBroadcaster'):
        run(wrapped(), views)
