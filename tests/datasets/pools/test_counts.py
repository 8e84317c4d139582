"""Classes among labeled images."""

from wsod_mm.datasets import VOCPool, class_counts


def test_images_and_boxes_per_class(years):
    pool = VOCPool(str(years[0].root), classes=('cat', 'dog', 'cow'))
    assert class_counts(pool, range(5)) == dict(cat=(3, 3), dog=(2, 3), cow=(0, 0))  # the difficult dog is not counted
    assert class_counts(pool, [0]) == dict(cat=(0, 0), dog=(1, 2), cow=(0, 0))
    assert class_counts(pool, []) == dict(cat=(0, 0), dog=(0, 0), cow=(0, 0))
