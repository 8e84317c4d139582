"""Golden vectors of MI-AOD: the stages of three cycles, and the order of batches in an epoch with two loaders.

What the public code does wrong is compared to what it is, and named: ``StopIteration`` where the unlabeled loader is
shorter, and names of files that are not those of its README.
"""

import inspect

import numpy as np

from tests.engine.loops.fake_runner import LR, FakeRunner, loader
from wsod_mm.active.pool import PASSES_PER_EPOCH, initial_split, select_next
from wsod_mm.active.schedule import cycle_stages, locate, num_epochs

from ._common import Golden
from ._miaod_checks import text

STAGES = ('label', 'min', 'max')
PARTS = ('g', 'f1', 'f2', 'f_r', 'f_mil')
# the recording: 160 images, 8 labeled ones, 4 more per cycle
POOL, FIRST, MORE, CYCLES, SEED = 160, 8, 4, 3, 666


def check_schedule_trace(path):
    g = Golden(path, rtol=0, atol=0)
    defaults = {name: p.default for name, p in inspect.signature(cycle_stages).parameters.items()}
    g.compare('epoch', np.asarray(defaults['epoch']))
    g.compare('epoch_ratio', defaults['epoch_ratio'])
    g.compare('lr', LR)
    rows = g.tensor('rows').tolist()
    columns = g.arrays['columns'].tolist()
    g.unused.discard('columns')
    recorded = [dict(zip(columns, row, strict=True)) for row in rows]
    assert len(recorded) == CYCLES * len(cycle_stages())
    for cycle, (labeled, unlabeled) in enumerate(sets()):
        runner = cycle_runner(labeled, unlabeled)
        g.compare('k', np.asarray(runner.model.bbox_head.scoring['k']))
        check_cycle([row for row in recorded if row['cycle'] == cycle], runner)
    check_events_and_files(g)
    g.done()


def sets():
    """Numbers of labeled and of unlabeled images per cycle, from the pool."""
    split = initial_split(POOL, FIRST, SEED)
    labeled, unlabeled = split.labeled, split.unlabeled
    for _ in range(CYCLES):
        yield len(labeled), len(unlabeled)
        chosen = select_next(np.arange(POOL, dtype=np.float32), labeled, MORE, SEED)
        labeled, unlabeled = chosen.labeled, chosen.unlabeled


def cycle_runner(labeled, unlabeled):
    """A runner that has been through one cycle with the released setting, by our loop."""
    configs = [loader(number, kind) for number, kind in ((labeled, True), (unlabeled, False))]
    for config in configs:
        config['dataset'] = dict(type='RepeatDataset', times=PASSES_PER_EPOCH, dataset=config['dataset'])
    drop = dict(type='MultiStepLR', by_epoch=True, milestones=[num_epochs(cycle_stages()) - 1])
    runner = FakeRunner(*configs, [drop])
    runner.train_loop.run()
    return runner


def check_cycle(recorded, runner):
    """The stages of one cycle; their epochs, parts, images, learning rates and validations."""
    stages = cycle_stages()
    assert [(STAGES[row['losstype']], row['total_epochs']) for row in recorded] == stages
    validated = []
    for index, row in enumerate(recorded):
        steps = [step for step in runner.steps if locate(stages, step.epoch).index == index]
        begin = steps[0].epoch
        assert {step.stage for step in steps} == {stages[index].name}
        for step in steps:
            assert [int(part in step.parts) for part in PARTS] == [row[f'train_{part}'] for part in PARTS]
            # reference: a drop by 10 at a step within the stage, which only the last stage lasts long enough for
            dropped = step.epoch - begin >= row['lr_step0']
            np.testing.assert_allclose(step.lr, LR / 10 if dropped else LR)
        for side, labeled in (('labeled', True), ('unlabeled', False)):
            images = sum(len(step.images) for step in steps if step.labeled == labeled)
            assert images == row[f'{side}_samples_per_epoch'] * row['total_epochs']
        if row['validate']:
            validated += [begin + e for e in range(1, row['total_epochs'] + 1) if e % row['eval_interval'] == 0]
    assert runner.validated == validated == [num_epochs(stages)]


def check_events_and_files(g):
    """The order of what a cycle does, and the files it leaves."""
    cycle = ['seed', 'build_model', *['stage'] * len(cycle_stages())]
    score = ['sel_loader', 'seed', 'uncertainty']
    assert g.arrays['events'].tolist() == ['seed', *((cycle + score) * CYCLES)[: -len(score)]]
    # TS is the folder of the experiment; t07 and t12 the lists that the recording was given
    ids = {f'TS/X_{s}_{c}.npy' for s in 'LU' for c in range(CYCLES)}
    # ours have the names of the reference's README, which its code does not give them
    ours = {f'TS/cycle{c}/trainval_{s}_{year}.txt' for s in 'LU' for c in range(CYCLES) for year in ('07', '12')}
    theirs = {name.replace('trainval_', 'trainval_X_') for name in ours}
    assert set(g.arrays['files'].tolist()) == ids | theirs | {'t07.txt', 't12.txt'}
    g.unused -= {'events', 'files'}


def check_runner_trace(path):
    g = Golden(path, rtol=0, atol=0)
    for case, batches in (('equal', (3, 3)), ('more_unlabeled', (2, 4)), ('less_unlabeled', (4, 3))):
        runner = FakeRunner(
            loader(batches[0], True, batch_size=1), loader(batches[1], False, batch_size=1), epoch_ratio=(1, 1)
        )
        runner.train_loop.run_epoch()  # of "label"
        before, runner.steps = runner.train_loop.iter, []
        runner.train_loop.run_epoch()  # of "min"
        order = ['L' if step.labeled else 'U' for step in runner.steps]
        boxes = [step.min_box for step in runner.steps]  # -1: the reference's are erased, ours are not there
        iters, epochs = runner.train_loop.iter - before, runner.train_loop.epoch - 1
        error = text(g, f'{case}_error')
        assert error == ('StopIteration' if case == 'less_unlabeled' else '')
        if error:
            # Reference: the last unlabeled batch is missing, so the pair is not counted, and the epoch does not end.
            # Ours starts the unlabeled loader over.
            assert order.pop() == 'U' and boxes.pop() == -1
            iters, epochs = iters - 1, epochs - 1
        g.unused.discard(f'{case}_order')
        assert order == g.arrays[f'{case}_order'].tolist()
        g.compare(f'{case}_min_box', boxes)
        g.compare(f'{case}_final_iter', np.asarray(iters))
        g.compare(f'{case}_final_epoch', np.asarray(epochs))
    g.done()
