"""The config of a cycle."""

import pytest
import torch
from mmengine.config import Config, ConfigDict

from wsod_mm.active.cycle_config import cycle_checkpoint, cycle_config, pool_config, score_dataloader_config

POOL = dict(type='VOCPool', data_root='data')


def subset(kind, **options):
    return dict(type='PoolSubset', subset=kind, pool=dict(POOL), **options)


def experiment(**changes):
    config = dict(
        runner_type='wsod_mm.ActiveLearningRunner',
        active_learning=dict(budget=1, score_dataloader=dict(dataset=subset('candidates'))),
        work_dir='somewhere',
        load_from='pretrained.pth',
        resume=True,
        visualizer=dict(type='WeakVisualizer', name='visualizer'),
        train_dataloader=dict(dataset=dict(type='RepeatDataset', times=2, dataset=subset('labeled'))),
        train_cfg=dict(type='MIAODTrainLoop', unlabeled_dataloader=dict(dataset=subset('unlabeled'))),
        default_hooks=dict(
            legacy_log=dict(type='LegacyLogHook'),
            latest_link=dict(type='wsod_mm.LatestLinkHook'),
            logger=dict(type='LoggerHook'),
        ),
    )
    return Config(config | changes)


def test_ids_folders_and_names(tmp_path):
    config = experiment()
    before = config.to_dict()
    inner = cycle_config(config, tmp_path, 3, True, 'run.log.json')
    assert config.to_dict() == before
    assert 'runner_type' not in inner and 'active_learning' not in inner
    assert inner.work_dir == str(tmp_path / 'cycle3')
    assert inner.train_dataloader.dataset.dataset.ids == str(tmp_path / 'X_L_3.npy')
    assert inner.train_cfg.unlabeled_dataloader.dataset.ids == str(tmp_path / 'X_U_3.npy')
    log, link, logger = inner.default_hooks.values()
    assert (log.cycle, log.out_dir, log.filename) == (3, str(tmp_path), 'run.log.json')
    assert link.out_dir == str(tmp_path) and 'out_dir' not in logger and 'cycle' not in link
    # a training that has not begun starts from the weights of the experiment
    assert inner.load_from == 'pretrained.pth' and inner.resume is False
    other = cycle_config(config, tmp_path, 3, True)
    assert other.experiment_name != inner.experiment_name == inner.visualizer.name
    assert 'filename' not in other.default_hooks.legacy_log


def test_own_settings_stay(tmp_path):
    config = experiment(
        train_dataloader=dict(dataset=subset('labeled', ids=[1, 2])),
        custom_hooks=[dict(type='LegacyLogHook', out_dir='logs', filename='x.json')],
        experiment_name='mine',
    )
    inner = cycle_config(config, tmp_path, 0, True, 'run.log.json')
    assert inner.train_dataloader.dataset.ids == [1, 2]
    assert (inner.custom_hooks[0].out_dir, inner.custom_hooks[0].filename) == ('logs', 'x.json')
    assert inner.experiment_name.startswith('mine_cycle0_')


def test_without_unlabeled_images(tmp_path):
    assert cycle_config(experiment(), tmp_path, 0, False).train_cfg.unlabeled_dataloader is None
    baseline = experiment(train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=1))
    assert 'unlabeled_dataloader' not in cycle_config(baseline, tmp_path, 0, False).train_cfg


def test_goes_on_from_the_newest_checkpoint(tmp_path):
    folder = tmp_path / 'copy' / 'cycle1'
    folder.mkdir(parents=True)
    assert cycle_checkpoint(folder) is None and cycle_checkpoint(tmp_path / 'none') is None
    torch.save({}, folder / 'epoch_2.pth')
    inner = cycle_config(experiment(), folder.parent, 1, True)
    assert inner.resume is True and inner.load_from == str(folder / 'epoch_2.pth')
    # a copied folder points to the original
    original = tmp_path / 'original' / 'cycle1'
    original.mkdir(parents=True)
    torch.save({}, original / 'epoch_2.pth')
    (folder / 'last_checkpoint').write_text(str(original / 'epoch_2.pth'))
    assert cycle_checkpoint(folder) == str(folder / 'epoch_2.pth')
    (folder / 'epoch_2.pth').unlink()  # checkpoints that the hook was told to write elsewhere
    assert cycle_checkpoint(folder) == str(original / 'epoch_2.pth')


def test_score_dataloader():
    given = ConfigDict(num_workers=3, dataset=subset('candidates'))
    loader = score_dataloader_config(given, torch.tensor([4, 2]))
    assert loader.dataset.ids == [4, 2] and loader.batch_size == 1 and loader.num_workers == 3
    assert loader.sampler == dict(type='DefaultSampler', shuffle=False, round_up=False)
    assert 'ids' not in given.dataset
    assert score_dataloader_config(ConfigDict(batch_size=2, **given), [1]).batch_size == 2
    with pytest.raises(ValueError, match='must be a PoolSubset, not VOCDataset'):
        score_dataloader_config(ConfigDict(dataset=dict(type='VOCDataset')), [1])


def test_pool():
    assert pool_config(experiment()) == POOL
    own = dict(POOL, data_root='own')
    with pytest.raises(ValueError, match='2 different pools'):
        pool_config(experiment(active_learning=dict(pool=own)))
    with pytest.raises(ValueError, match='the config has no pool'):
        pool_config(Config(dict(train_dataloader=dict(dataset=dict(type='VOCDataset')))))
    assert pool_config(Config(dict(active_learning=dict(pool=own)))) == own
