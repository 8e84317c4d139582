"""The mean displacement is in the last checkpoint."""

import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch.utils.data import Dataset

from tests.models.segmentors.samples import batch
from tests.models.segmentors.test_irnet import build
from wsod_mm.registry import DATASETS


@DATASETS.register_module()
class LabelledMaps(Dataset):
    """Four images with label maps."""

    metainfo = dict(classes=('a', 'b'))

    def __len__(self):
        return 4

    def __getitem__(self, index):
        data = batch((64, 64), seed=index)
        return dict(inputs=data['inputs'][0], data_samples=data['data_samples'][0])


def loader(shuffle):
    return dict(
        batch_size=2,
        num_workers=0,
        dataset=dict(type='LabelledMaps'),
        sampler=dict(type='DefaultSampler', shuffle=shuffle),
        collate_fn=dict(type='pseudo_collate'),
    )


@pytest.mark.parametrize('hooks', [[], [dict(type='MeanShiftHook', dataloader=loader(False))]])
def test_checkpoint(tmp_path, hooks):
    with DefaultScope.overwrite_default_scope('wsod_mm'):
        runner = Runner(
            build(),
            work_dir=str(tmp_path),
            train_dataloader=loader(True),
            train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=2),
            optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01)),
            custom_hooks=hooks,
            default_scope='wsod_mm',
            experiment_name=f'mean{len(hooks)}',
        )
        model = runner.train()
        stored = model.head.mean_shift.running_mean.clone()
        means = [torch.load(tmp_path / f'epoch_{e}.pth', weights_only=False)['state_dict'] for e in (1, 2)]
        means = [state['head.fc_dp6.4.running_mean'] for state in means]
        assert not means[0].any() and torch.equal(means[1], stored)
        if not hooks:
            assert not stored.any()
            return
        inputs = [model.data_preprocessor(batch((64, 64), seed=i))['inputs'] for i in range(4)]
        with torch.no_grad():
            model.train()
            expected = torch.stack([model(x)[1].mean((0, 2, 3)) for x in inputs]).mean(0)
        torch.testing.assert_close(stored, expected)
