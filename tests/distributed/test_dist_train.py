"""Two processes are one process with twice the batch."""

import pytest
import torch

from tests.distributed.dist_runs import ROOT, derived_config, logged, run_train
from tests.engine.runs import assert_identical, train

# (config, lines that make its loss a mean over images without random layers)
CONFIGS = {
    'toy': (ROOT / 'tests/engine/toy_config.py', 'model = dict(dropout=0.0)'),
    'toy, accumulated': (
        ROOT / 'tests/engine/toy_config.py',
        "model = dict(dropout=0.0)\noptim_wrapper = dict(accumulative_counts=2, accumulation='sum')",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize('name', CONFIGS)
def test_two_processes_equal_one(name, tmp_path):
    base, body = CONFIGS[name]
    config = {
        folder: derived_config(tmp_path / f'{folder}.py', base, f'{body}\ntrain_dataloader = dict(batch_size={batch})')
        for folder, batch in (('one', 2), ('two', 1))
    }
    train(tmp_path / 'one', config=config['one'])
    run_train(config['two'], tmp_path / 'two', 2)
    ranks = [torch.load(tmp_path / 'two' / f'rank{r}.pth', weights_only=True) for r in (0, 1)]
    assert_identical(ranks[0], ranks[1])
    one, two = logged(tmp_path / 'one'), logged(tmp_path / 'two')
    assert len(one) == len(two) == 33
    torch.testing.assert_close(torch.tensor(two), torch.tensor(one), rtol=1e-3, atol=1e-5)
    alone = torch.load(tmp_path / 'one' / 'rank0.pth', weights_only=True)
    for key in alone:
        torch.testing.assert_close(ranks[0][key], alone[key], rtol=1e-3, atol=1e-4)
