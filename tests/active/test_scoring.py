"""Scoring gives the same values with any number of processes, loses little when killed, and says what is wrong."""

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement

from tests.active.scoring_case import (
    CANDIDATES,
    N,
    NumberModel,
    NumberSet,
    NumberStrategy,
    expected,
    in_processes,
    loader,
    score,
)
from wsod_mm.active import scoring
from wsod_mm.active.partial_scores import PartialScores
from wsod_mm.active.scoring import discard_partial, missing_ids, score_images
from wsod_mm.utils.progress import progress_text


def _seen_and_values(width, partial=None, stop=None):
    strategy = NumberStrategy(width, stop=stop)
    return score(strategy, partial, flush_every=4), strategy.seen


@pytest.mark.parametrize('width', [None, 3])
def test_number_of_processes_does_not_matter(width, tmp_path):
    wanted = expected(width)
    one, seen = _seen_and_values(width)
    np.testing.assert_array_equal(one, wanted)
    assert one.dtype == np.float32 and seen == sorted(CANDIDATES)
    for world_size in (2, 3):
        ranks = in_processes(world_size, _seen_and_values, tmp_path, width)
        assert {kind for kind, _ in ranks} == {'result'}, ranks
        for _, (values, _) in ranks:
            np.testing.assert_array_equal(values, wanted)
        parts = [part for _, (_, part) in ranks]
        assert sorted(i for part in parts for i in part) == sorted(CANDIDATES)  # each once, and shared fairly
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_resume_with_another_number_of_processes(tmp_path):
    partial = tmp_path / 'partial'
    # both ranks are killed at the same time: rank 0 has the even places of the list, rank 1 the odd ones
    ranks = in_processes(2, _killed, tmp_path, partial)
    assert [kind for kind, _ in ranks] == ['KeyboardInterrupt'] * 2
    todo = missing_ids(partial, CANDIDATES)
    done = len(CANDIDATES) - len(todo)
    assert 0 < done and 10 - done < 4  # 5 each were scored, less than flush_every are lost
    ranks = in_processes(3, _seen_and_values, tmp_path, None, partial)
    assert sorted(i for _, (_, seen) in ranks for i in seen) == todo.tolist()
    for _, (values, _) in ranks:
        np.testing.assert_array_equal(values, expected())
    # all is there now: one process only reads
    values, seen = _seen_and_values(None, partial)
    assert seen == []
    np.testing.assert_array_equal(values, expected())
    discard_partial(partial)
    assert not partial.exists()


def _killed(partial):
    rank = torch.distributed.get_rank()
    return _seen_and_values(None, partial, stop=sorted(CANDIDATES)[10 + rank])


@pytest.mark.parametrize('flush_every', [1, 3, 100])
def test_killed_run_loses_less_than_flush_every(flush_every, tmp_path):
    partial, order = tmp_path / 'partial', sorted(CANDIDATES)
    with pytest.raises(KeyboardInterrupt):
        score(NumberStrategy(stop=order[8]), partial, flush_every=flush_every)
    kept = len(CANDIDATES) - len(missing_ids(partial, CANDIDATES))
    assert kept == 8 // flush_every * flush_every
    again = NumberStrategy()
    np.testing.assert_array_equal(score(again, partial, flush_every=flush_every), expected())
    assert again.seen == order[kept:]


def test_other_key_is_scored_anew(tmp_path):
    partial = tmp_path / 'partial'
    score(partial=partial, key='cycle 0')
    assert missing_ids(partial, CANDIDATES, 'cycle 0').size == 0
    assert missing_ids(partial, CANDIDATES, 'cycle 1').tolist() == sorted(CANDIDATES)
    again = NumberStrategy()
    score(again, partial, key='cycle 1')
    assert again.seen == sorted(CANDIDATES)
    assert missing_ids(partial, CANDIDATES, 'cycle 0').tolist() == sorted(CANDIDATES)  # it was removed


def test_nothing_to_score():
    values = score_images(NumberModel(), None, NumberStrategy(), N, candidates=[])
    assert values.shape == (N,) and np.isnan(values).all()
    assert np.isnan(score(candidates=[])).all()


def test_modes_are_restored_also_after_an_error():
    model = NumberModel().train()
    model.frozen.eval()
    score(model=model)
    assert model.training and model.norm.training and not model.frozen.training
    with pytest.raises(KeyboardInterrupt):
        score(NumberStrategy(stop=7), model=model)
    assert model.norm.training and not model.frozen.training
    assert model.norm.num_batches_tracked == 0


@pytest.mark.parametrize('bad', [{7}, {7, 30}])
def test_not_finite_names_the_images_and_is_not_kept(bad, tmp_path):
    with pytest.raises(ValueError, match=r'score of \d images is not finite: images/007.jpg'):
        score(NumberStrategy(nan=bad), tmp_path / 'partial', flush_every=100)
    # what was good is kept, up to the end of the pass or the first bad value
    assert bad <= set(missing_ids(tmp_path / 'partial', CANDIDATES).tolist())
    np.testing.assert_array_equal(score(partial=tmp_path / 'partial'), expected())


def test_all_ranks_fail_when_one_finds_nan(tmp_path):
    ranks = in_processes(2, _nan_on_one_rank, tmp_path)
    assert [kind for kind, _ in ranks] == ['ValueError'] * 2
    assert all('images/007.jpg' in text for _, text in ranks)


def _nan_on_one_rank():
    return score(NumberStrategy(nan={7}))


def test_wrapped_model():
    np.testing.assert_array_equal(score(model=torch.nn.DataParallel(NumberModel())), expected())


def test_wrong_loaders_are_named(tmp_path):
    model, strategy = NumberModel(), NumberStrategy()
    with pytest.raises(ValueError, match='more than once: .*round_up=False'):
        score_images(model, loader([1, 2, 2]), strategy, N)
    with pytest.raises(ValueError, match=r'1 candidates were not scored \[3\], and 1 images .* were \[4\]'):
        score_images(model, loader([1, 2, 4]), strategy, N, candidates=[1, 2, 3])
    with pytest.raises(ValueError, match=r'outside of 0\.\.30'):
        score_images(model, loader([1, N]), strategy, N)
    score(partial=tmp_path / 'partial')
    with pytest.raises(ValueError, match='missing_ids'):
        score_images(model, loader(CANDIDATES), strategy, N, tmp_path / 'partial')
    with pytest.raises(ValueError, match='flush_every'):
        score(flush_every=0)
    data = loader([1, 2])
    data.dataset.__class__ = _WithoutId
    strategy.score = lambda model, inputs, samples: inputs[:, 0, 0, 0]
    with pytest.raises(KeyError, match='POOL_META_KEYS'):
        score_images(model, data, strategy, N)


class _WithoutId(NumberSet):
    def __getitem__(self, index):
        sample = BaseDataElement(metainfo=dict(img_path='a.jpg'))
        return dict(super().__getitem__(index), data_samples=sample)


def test_sampler_that_drops_is_found(tmp_path):
    # without candidates the length of the data set is what must come out
    data = loader([1, 2, 3])
    data.sampler.total_size = 2
    with pytest.raises(ValueError, match='2 images were scored instead of 3'):
        score_images(NumberModel(), data, NumberStrategy(), N)
    (tmp_path / 'partial').write_text('')
    with pytest.raises(ValueError, match='is a file'):
        score(partial=tmp_path / 'partial')


def test_round_up_over_two_processes_is_found(tmp_path):
    ranks = in_processes(2, _rounded_up, tmp_path)
    assert all(kind == 'ValueError' and 'round_up=False' in text for kind, text in ranks)


def _rounded_up():
    return score_images(NumberModel(), loader([1, 2, 3], round_up=True), NumberStrategy(), N)


def test_wrong_strategies_are_named():
    class Wrong(NumberStrategy):
        def score(self, model, batch_inputs, batch_data_samples):
            return torch.zeros(len(batch_data_samples) + 1)

    with pytest.raises(ValueError, match=r'\[B\] or \[B, D\] values for B = 1 images, not \(2,\)'):
        score(Wrong())
    with pytest.raises(ValueError, match='needs a model with norm'):
        score(model=torch.nn.Linear(1, 1))


def test_batches_and_workers_change_nothing():
    data = loader(CANDIDATES, batch_size=4)
    np.testing.assert_array_equal(score_images(NumberModel(), data, NumberStrategy(), N), expected())


def test_damaged_piece_is_named(tmp_path):
    store = PartialScores(tmp_path / 'partial')
    store.add(np.array([1]), np.array([0.5], np.float32))
    store.add(np.array([2]), np.array([0.25], np.float32))
    # a new object goes on numbering
    PartialScores(tmp_path / 'partial').add(np.array([3]), np.array([0.125], np.float32))
    ids, values = store.read()
    assert ids.tolist() == [1, 2, 3] and values.tolist() == [0.5, 0.25, 0.125]
    path = tmp_path / 'partial' / 'rank0-000001.npz'
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ValueError, match=r'rank0-000001.npz .*remove it'):
        store.read()


def test_progress_is_logged(monkeypatch):
    lines = []
    monkeypatch.setattr(scoring, 'print_log', lambda text, logger: lines.append(text))
    score(log_seconds=0.0)
    assert lines[4].startswith('scoring: 5/14 images (36%), ') and lines[4].endswith(' left')
    assert lines[-1].startswith('scored 14 images in ')
    lines.clear()
    score()
    assert len(lines) == 1
    assert progress_text(1200, 15724, 34.0, 'images') == '1200/15724 images (8%), 35.3 images/s, 0:06:52 left'
