"""The pool: splits, selections, and pools of every awkward size."""

import numpy as np
import pytest

from wsod_mm.active.pool import (
    VOC_TRAINVAL_SIZES,
    draw_candidates,
    initial_split,
    join_datasets,
    next_sets,
    select_largest,
    select_next,
    split_by_dataset,
)


def assert_ids(found, expected):
    assert found.dtype == np.int64
    assert found.tolist() == list(expected)


# --- first split


def test_released_setting():
    split = initial_split(sum(VOC_TRAINVAL_SIZES), 16551 // 20)
    assert [len(part) for part in split_by_dataset(split.labeled)] == [262, 565]
    assert len(split.unlabeled) == 827


@pytest.mark.parametrize(('n', 'size'), [(1, 1), (2, 1), (10, 3), (10, 5), (10, 7), (10, 10), (101, 50)])
def test_split_never_overlaps(n, size):
    split = initial_split(n, size, seed=4)
    assert sorted(split.order.tolist()) == list(range(n))
    assert_ids(split.labeled, sorted(split.order[:size]))
    assert_ids(split.unlabeled, sorted(split.order[max(size, n - size) :]))
    assert not set(split.labeled) & set(split.unlabeled)


def test_reference_split_overlaps_where_ours_does_not():
    ours, theirs = initial_split(10, 7, seed=4), initial_split(10, 7, seed=4, compat='reference')
    assert_ids(theirs.unlabeled, sorted(theirs.order[3:]))
    assert len(np.intersect1d(theirs.labeled, theirs.unlabeled)) == 4
    assert_ids(ours.unlabeled, sorted(set(theirs.unlabeled) - set(theirs.labeled)))
    everything = initial_split(10, 10, compat='reference')
    assert_ids(everything.unlabeled, range(10))


def test_split_depends_on_the_seed_only():
    state = np.random.get_state()[1].copy()
    first, second, other = (initial_split(50, 5, seed) for seed in (1, 1, 2))
    assert np.array_equal(np.random.get_state()[1], state)
    assert np.array_equal(first.labeled, second.labeled) and not np.array_equal(first.labeled, other.labeled)


def test_unlabeled_size():
    split = initial_split(20, 3, seed=0, unlabeled_size=10)
    assert_ids(split.unlabeled, sorted(split.order[10:]))
    assert len(initial_split(20, 3, unlabeled_size=100).unlabeled) == 17
    assert len(initial_split(20, 3, unlabeled_size=0).unlabeled) == 0
    assert len(initial_split(20, 3, unlabeled_size=100, compat='reference').unlabeled) == 20


@pytest.mark.parametrize('size', [0, -1, 11])
def test_split_size_errors(size):
    with pytest.raises(ValueError, match='need 1 to 10 labeled images'):
        initial_split(10, size)


# --- selection


def literal_selection(uncertainty, candidates, size):
    return sorted(candidates, key=lambda i: (-uncertainty[i], i))[:size]


@pytest.mark.parametrize('seed', range(5))
def test_largest_first_then_smaller_id(seed):
    rng = np.random.RandomState(seed)
    uncertainty = rng.randint(0, 4, 30).astype(np.float32)  # full of ties
    candidates = rng.permutation(30)[:20]
    for size in (0, 1, 7, 20, 25):
        assert_ids(select_largest(uncertainty, candidates, size), literal_selection(uncertainty, candidates, size))


def test_tie_rule_does_not_depend_on_the_order_of_the_pool():
    assert_ids(select_largest(np.zeros(6), [5, 2, 4, 0], 2), [0, 2])
    assert_ids(select_largest([0.0, -0.0, 1.0], [1, 0], 2), [0, 1])


@pytest.mark.parametrize('seed', range(5))
def test_cycles_keep_the_sets_apart(seed):
    n, rng = 40, np.random.RandomState(seed)
    split = initial_split(n, 4, seed)
    labeled = split.labeled
    while len(labeled) < n:
        uncertainty = rng.rand(n)
        step = select_next(uncertainty, labeled, 7, seed)
        left = sorted(set(range(n)) - set(labeled.tolist()))
        assert_ids(step.selected, literal_selection(uncertainty, left, 7))
        assert_ids(step.labeled, sorted({*labeled.tolist(), *step.selected.tolist()}))
        assert len(step.unlabeled) == min(len(step.labeled), n - len(step.labeled))
        assert not set(step.labeled) & set(step.unlabeled)
        labeled = step.labeled
    assert_ids(labeled, range(n))


def test_unlabeled_is_a_shuffle_of_the_rest_in_rising_order():
    step = select_next(np.arange(30.0), [3, 9], 2, seed=5)
    rest = np.array([i for i in range(28) if i not in (3, 9)])
    np.random.RandomState(5).shuffle(rest)
    assert_ids(step.unlabeled, sorted(rest[:4]))
    same, other = (select_next(np.arange(30.0), [9, 3], 2, seed=s) for s in (5, 6))
    assert_ids(same.unlabeled, step.unlabeled)
    assert other.unlabeled.tolist() != step.unlabeled.tolist()


def test_reference_is_the_same_while_enough_images_are_left():
    ours, theirs = (select_next(np.arange(30.0), [3, 9], 2, 5, compat=c) for c in (None, 'reference'))
    for a, b in zip(ours, theirs, strict=True):
        assert_ids(a, b)


def test_pool_smaller_than_the_labeled_set():
    ours, theirs = (select_next(np.arange(10.0), np.arange(5), 2, 0, compat=c) for c in (None, 'reference'))
    assert_ids(ours.labeled, [0, 1, 2, 3, 4, 8, 9])
    assert_ids(ours.unlabeled, [5, 6, 7])
    assert_ids(theirs.labeled, ours.labeled)
    # the reference tops up with labeled images
    assert len(theirs.unlabeled) == 7 and {5, 6, 7} < set(theirs.unlabeled.tolist())


@pytest.mark.parametrize('size', [2, 5])
def test_selection_that_empties_the_pool(size):
    ours, theirs = (select_next(np.arange(6.0), np.arange(4), size, 0, compat=c) for c in (None, 'reference'))
    assert_ids(ours.selected, [5, 4])
    assert_ids(ours.labeled, range(6))
    assert_ids(ours.unlabeled, [])
    assert theirs.unlabeled.dtype == np.float64 and theirs.unlabeled.tolist() == list(range(6))


def test_empty_pool_selects_nothing():
    step = select_next(np.full(4, np.nan), [2, 0, 1, 3], 2, seed=0)
    assert_ids(step.selected, [])
    assert_ids(step.labeled, range(4))
    assert_ids(step.unlabeled, [])
    with pytest.raises(ValueError, match='all 4 images are labeled'):
        select_next(np.full(4, np.nan), [2, 0, 1, 3], 2, seed=0, compat='reference')


def test_one_image_left():
    step = select_next([0.0, 0.5, 0.0], [0, 2], 1, seed=0)
    assert_ids(step.selected, [1])
    assert_ids(select_next([0.0, 0.5, 0.0], [0, 2], 0, seed=0).unlabeled, [1])


def test_wanted_unlabeled_size():
    assert len(select_next(np.arange(30.0), [3], 2, 0, unlabeled_size=9).unlabeled) == 9
    assert len(select_next(np.arange(30.0), [3], 2, 0, unlabeled_size=99).unlabeled) == 27


def test_candidates():
    candidates = draw_candidates(30, [3, 9], 10, seed=1)
    assert len(candidates) == 10 and not set(candidates) & {3, 9} and (np.diff(candidates) > 0).all()
    assert_ids(draw_candidates(5, [3], 99, seed=1), [0, 1, 2, 4])
    uncertainty = np.full(30, np.nan)
    uncertainty[candidates] = np.arange(10)
    step = select_next(uncertainty, [3, 9], 2, 0, candidates=candidates)
    assert_ids(step.selected, candidates[:-3:-1])
    # images that were not scored can still be trained on
    assert len(select_next(uncertainty, [3, 9], 2, 0, candidates=candidates, unlabeled_size=99).unlabeled) == 26


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_uncertainty_that_is_not_finite_names_the_images(bad):
    uncertainty = np.arange(5.0)
    uncertainty[[1, 3]] = bad
    with pytest.raises(ValueError, match='2 of 4 images: 1, 3'):
        select_next(uncertainty, [0], 1, 0)
    with pytest.raises(ValueError, match='b.jpg, d.jpg'):
        select_next(uncertainty, [0], 1, 0, names=['a.jpg', 'b.jpg', 'c.jpg', 'd.jpg', 'e.jpg'])
    assert_ids(select_next(uncertainty, [1, 3], 1, 0).selected, [4])  # of labeled images: never looked at
    with pytest.raises(ValueError, match=r'20 of 20 images: 0, 1, .*, 9, \.\.\.'):
        select_largest(np.full(20, bad), np.arange(20), 1)


def test_id_errors():
    with pytest.raises(ValueError, match='labeled: expected a list of integer ids, got float64'):
        select_next(np.zeros(4), [0.0, 1.0], 1, 0)
    with pytest.raises(ValueError, match='labeled: ids must be in 0..3, got 0..4'):
        select_next(np.zeros(4), [0, 4], 1, 0)
    with pytest.raises(ValueError, match='candidates: an id occurs more than once'):
        select_largest(np.zeros(4), [1, 1], 1)
    with pytest.raises(ValueError, match=r'1 selected images are labeled already: \[1\]'):
        next_sets(4, [0, 1], [1, 2], 0)
    with pytest.raises(ValueError, match='cannot take -1 images'):
        select_next(np.zeros(4), [0], -1, 0)
    with pytest.raises(ValueError, match='one uncertainty per image'):
        select_largest(np.zeros((4, 1)), [1], 1)
    for function in (lambda c: initial_split(4, 1, compat=c), lambda c: next_sets(4, [0], [1], 0, compat=c)):
        with pytest.raises(ValueError, match='compat'):
            function('mmdet2')


# --- data sets


def test_positions_in_the_data_sets():
    local = split_by_dataset([5011, 0, 16550, 5010])
    assert_ids(local[0], [0, 5010])
    assert_ids(local[1], [0, 11539])
    assert_ids(join_datasets(local), [0, 5010, 5011, 16550])


def test_any_number_of_data_sets():
    sizes = (3, 0, 4, 2)
    ids = [8, 2, 3, 6]
    local = split_by_dataset(ids, sizes)
    assert [part.tolist() for part in local] == [[2], [], [0, 3], [1]]
    assert_ids(join_datasets(local, sizes), sorted(ids))
    assert [part.tolist() for part in split_by_dataset([], (2, 3))] == [[], []]
    assert_ids(join_datasets([[], []], (2, 3)), [])


def test_data_set_errors():
    with pytest.raises(ValueError, match='0..16550'):
        split_by_dataset([16551])
    with pytest.raises(ValueError, match=r'positions\[1\]: ids must be in 0..11539'):
        join_datasets([[0], [11540]])
    with pytest.raises(ValueError, match='2 data sets, got 1'):
        join_datasets([[0]])
