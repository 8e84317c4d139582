"""PCL's miner step by step, with scikit-learn's k-means and lists that shrink, the way public code works.

Only for comparison with :func:`wsod_mm.functional.pcl_mining.pcl_seeds`.
"""

import numpy as np

__all__ = ['pcl_centres']


def pcl_centres(
    boxes: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    graph_iou: float = 0.4,
    max_per_class: int = 5,
    min_left: int = 5,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centres of all classes in the image.

    Args:
        boxes: ``[R, 4]``, inclusive corners.
        scores: ``[R, C]``.
        labels: ``[C]``.
        graph_iou: Limit of an edge.
        max_per_class: Most centres of a class.
        min_left: End of the search.

    Returns:
        Rows ``[G]`` of the centres, their classes ``[G]`` (1..C) and their scores ``[G]``.
    """
    from sklearn.cluster import KMeans  # only here: nothing else needs it

    pool = np.arange(len(boxes))
    rows, classes, values = [], [], []
    for c in np.flatnonzero(labels > 0):
        column = scores[pool, c].clip(1e-9, 1 - 1e-9)
        kmeans = KMeans(n_clusters=3, n_init=10, random_state=3).fit(column[:, None])
        top = np.flatnonzero(kmeans.labels_ == kmeans.cluster_centers_[:, 0].argmax())
        graph = (_overlaps(boxes[pool[top]]) > graph_iou).astype(np.float32)
        column, members = column[top], np.arange(len(top))
        centres, best = [], []
        while True:
            degree = graph[np.ix_(members, members)].sum(axis=1)
            centre = members[degree.argsort(kind='stable')[-1]]
            near = members[graph[centre, members] > 0]
            centres.append(centre)
            best.append(column[near].max())
            members = np.setdiff1d(members, near)
            if len(members) <= min_left:
                break
        order = np.array(best).argsort(kind='stable')[-1 : -1 - max_per_class : -1]
        found = pool[top[np.array(centres)[order]]]
        rows.extend(found)
        classes.extend([c + 1] * len(found))
        values.extend(np.array(best)[order])
        pool = np.setdiff1d(pool, found)
    return np.array(rows), np.array(classes), np.array(values)


def _overlaps(boxes: np.ndarray) -> np.ndarray:
    sides = np.minimum(boxes[:, None, 2:], boxes[:, 2:]) - np.maximum(boxes[:, None, :2], boxes[:, :2]) + 1
    shared = sides.clip(0).prod(axis=2)
    areas = (boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1)
    return shared / (areas[:, None] + areas - shared)
