"""The shipped configs, run as a user runs them, on a devkit of a few images."""

import sys
from pathlib import Path

import mmdet
import numpy as np
import pytest
import torch

from tests.cli.test_train_test import command
from tests.distributed.dist_runs import ROOT, derived_config, logged, run_train
from tests.engine.runs import assert_identical, last_checkpoint, train, train_and_kill
from wsod_mm.engine.hooks.results_hook import read_results

OICR = ROOT / 'configs/mini/oicr_minicnn_1xb4-10e_minivoc.py'
CLASSIFIER = ROOT / 'configs/mini/classifier_minicnn_1xb16-14e_minivoc.py'
CASD = ROOT / 'configs/mini/casd_full-minicnn_1xb4-3e_minivoc.py'
# The same weights, whatever the batch size: no dropout (the frozen body keeps its batch statistics), and images of one
# size, because a batch is padded to its largest image and padding changes the features at the border.
REPEATABLE = """
model = dict(roi_head=dict(shared_head=dict(dropout=0.0)))
train_dataloader = dict(dataset=dict(indices=16, pipeline=[
    dict(type='LoadWeakImage'),
    dict(type='LoadWeakProposals'),
    dict(type='ProposalBroadcaster', transforms=[
        dict(type='InclusiveRandomFlip', prob=0.5),
        dict(type='Resize', scale=(128, 128), keep_ratio=False)]),
    dict(type='PackWeakInputs')]))
"""


def config_for(path: Path, devkit: Path, body: str = '', base: Path = OICR, batch: int = 4) -> Path:
    """A shipped config that reads the devkit and trains for two epochs."""
    loaders = '\n'.join(
        f'{name}_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(data_root={str(devkit)!r}))'
        for name in ('val', 'test')
    )
    return derived_config(
        path,
        base,
        f'load_from = None\n{loaders}\n'
        f'train_dataloader = dict(batch_size={batch}, num_workers=0, persistent_workers=False, '
        f'dataset=dict(data_root={str(devkit)!r}))\n'
        f'train_cfg = dict(max_epochs=2, val_interval=2)\n'
        f"custom_hooks = [dict(type='DumpRankHook'), dict(type='AnnounceHook')]\n{body}",
    )


@pytest.fixture(scope='module')
def trained(tmp_path_factory, mini_devkit):
    """Config and work directory of a finished OICR run."""
    folder = tmp_path_factory.mktemp('oicr')
    config = config_for(folder / 'oicr.py', mini_devkit)
    train(folder / 'run', config=config)
    return config, folder / 'run'


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted(trained, mini_devkit, tmp_path):
    config, finished = trained
    train_and_kill(tmp_path / 'run', 6, config=config)  # 5 steps an epoch: within the second
    train(tmp_path / 'run', resume='auto', config=config)
    ours, theirs = last_checkpoint(tmp_path / 'run'), last_checkpoint(finished)
    assert_identical(ours['state_dict'], theirs['state_dict'])
    assert_identical(ours['optimizer'], theirs['optimizer'])


@pytest.mark.slow
def test_casd_killed_and_resumed_equals_uninterrupted(mini_devkit, tmp_path):
    """Views, colours, sampling and erasing are all drawn at random; colours and attention change within the run."""
    model = (
        'dict(data_preprocessor=dict(photometric=dict(start_iter=5)), '
        'roi_head=dict(inverted_attention=dict(switch_iter=6)))'
    )
    config = config_for(tmp_path / 'casd.py', mini_devkit, f'model = {model}\n', base=CASD)
    train(tmp_path / 'whole', config=config)
    train_and_kill(tmp_path / 'run', 6, config=config)
    train(tmp_path / 'run', resume='auto', config=config)
    ours, theirs = last_checkpoint(tmp_path / 'run'), last_checkpoint(tmp_path / 'whole')
    assert_identical(ours['state_dict'], theirs['state_dict'])
    assert_identical(ours['optimizer'], theirs['optimizer'])


@pytest.mark.slow
def test_two_processes_equal_one(mini_devkit, tmp_path):
    # 16 of the 18 images, so that both runs take the same steps
    configs = {}
    for batch in (2, 4):
        base = config_for(tmp_path / f'b{batch}.py', mini_devkit, batch=batch)
        configs[batch] = tmp_path / f'repeatable{batch}.py'
        configs[batch].write_text(f'_base_ = {str(base)!r}{REPEATABLE}')
    train(tmp_path / 'one', config=configs[4])
    run_train(configs[2], tmp_path / 'two', 2)
    ranks = [torch.load(tmp_path / 'two' / f'rank{r}.pth', weights_only=True) for r in (0, 1)]
    assert_identical(ranks[0], ranks[1])
    for name in ('loss', 'loss_mil', 'loss_refine3'):
        one, two = logged(tmp_path / 'one', name), logged(tmp_path / 'two', name)
        assert len(one) == len(two) == 8
        torch.testing.assert_close(torch.tensor(two), torch.tensor(one), rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_casd_on_two_processes_ends_with_equal_ranks(mini_devkit, tmp_path):
    """Each rank samples and erases on its own; no part of the head may be left without a gradient."""
    run_train(config_for(tmp_path / 'casd.py', mini_devkit, base=CASD, batch=2), tmp_path / 'two', 2)
    ranks = [torch.load(tmp_path / 'two' / f'rank{r}.pth', weights_only=True) for r in (0, 1)]
    assert_identical(ranks[0], ranks[1])
    assert np.isfinite(logged(tmp_path / 'two')).all()


@pytest.mark.slow
def test_test_tool_with_tta_pictures_and_dump(trained, tmp_path):
    config, run = trained
    views = tmp_path / 'tta.py'
    views.write_text(
        f'_base_ = {str(config)!r}\n'
        "tta_model = dict(type='WeakTTAModel')\n"
        "tta_pipeline = [dict(type='LoadWeakImage'), dict(type='LoadWeakProposals'), dict(\n"
        "    type='TestTimeAug', transforms=[\n"
        "    [dict(type='ProposalBroadcaster',\n"
        "     transforms=[dict(type='InclusiveRandomFlip', prob=p)]) for p in (0., 1.)],\n"
        "    [dict(type='ProposalBroadcaster',\n"
        "     transforms=[dict(type='ShortSideResize', short_sides=s)]) for s in (96, 128)],\n"
        "    [dict(type='PackWeakInputs')]])]\n"
    )
    command(
        sys.executable,
        ROOT / 'tools/test.py',
        views,
        run / 'epoch_2.pth',
        '--work-dir',
        tmp_path / 'tta',
        '--tta',
        '--show-dir',
        'pictures',
        '--out',
        tmp_path / 'results.pkl',
    )
    numbers = read_results(tmp_path / 'tta')
    assert set(numbers['test_tta']['metrics']) >= {'voc/mAP_11pt', 'voc/mAP_area', 'voc/CorLoc'}
    assert (tmp_path / 'results.pkl').stat().st_size > 0
    assert len(list((tmp_path / 'tta').rglob('pictures/**/*.*'))) == 6


@pytest.mark.slow
def test_stock_mmdet_tool_trains_our_config(trained, tmp_path):
    stock = Path(mmdet.__file__).parent / '.mim' / 'tools' / 'train.py'
    command(sys.executable, stock, trained[0], '--work-dir', tmp_path, '--cfg-options', 'train_cfg.max_epochs=1')
    assert read_results(tmp_path)['train']['finished']


@pytest.mark.slow
@pytest.mark.parametrize('base', [OICR, CLASSIFIER], ids=['oicr', 'classifier'])
def test_amp_trains(base, mini_devkit, tmp_path):
    config = config_for(tmp_path / 'amp.py', mini_devkit, base=base)
    train(tmp_path / 'run', config=config, switches=dict(amp=True))
    assert np.isfinite(logged(tmp_path / 'run')).all()


@pytest.mark.slow
def test_checkpoint_of_another_class_count_is_an_error_that_names_it(trained, tmp_path):
    config, run = trained
    other = tmp_path / 'other.py'
    other.write_text(
        f'_base_ = {str(config)!r}\n'
        'model = dict(roi_head=dict(bbox_head=dict(num_classes=3), refine_heads=dict(num_classes=3)))\n'
    )
    message = command(
        sys.executable, ROOT / 'tools/test.py', other, run / 'epoch_2.pth', '--work-dir', tmp_path, fails=True
    )
    assert 'epoch_2.pth' in message and 'fc_cls' in message and '6' in message and '3' in message
