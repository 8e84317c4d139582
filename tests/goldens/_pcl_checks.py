"""Golden vectors of PCL: its miner, assignment and loss."""

from unittest.mock import patch

import torch

from wsod_mm.functional.cluster_loss import cluster_means, pcl_loss
from wsod_mm.functional.clustering import _top_cluster_static, top_cluster
from wsod_mm.functional.pcl_mining import _pcl_seeds_static, pcl_seeds
from wsod_mm.functional.refinement import assign_seeds

from ._common import Golden


def check_pcl(path):
    g = Golden(path, rtol=1e-4, atol=1e-5)
    boxes, labels = g.tensor('boxes'), g.tensor('im_labels')[0]
    scores = g.tensor('prev_prob')[:, -len(labels) :]  # with or without a background column
    g.compare('im_labels_real', torch.cat((torch.ones(1), labels)))
    g.compare('n_pos', int(labels.sum()))
    # ties: the reference's sorts were made stable, which are the rules that we follow; hence all is compared
    g.scalar('tie_free')
    static = _pcl_seeds_static(boxes, scores, labels, range(len(labels)))
    with torch.device('cpu'):  # what can be told which clusters to take is the path of the CPU
        on_cpu = boxes.cpu(), scores.cpu(), labels.cpu()
        seeds, same = check_top_clusters(g, *on_cpu)
        ours = pcl_seeds(*on_cpu)
    for name in seeds._fields:
        assert torch.equal(getattr(ours, name), getattr(static, name)[static.valid].cpu()), name
        assert not same or torch.equal(getattr(ours, name), getattr(seeds, name)), name
    seeds = type(seeds)(*(value.to(boxes.device) for value in seeds))
    g.compare('gt_boxes', seeds.boxes)
    g.compare('gt_classes', seeds.labels)
    g.compare('gt_scores', seeds.scores)

    assigned = assign_seeds(boxes, seeds, 0.5, g.scalar('bg_thresh'))
    g.compare('labels', assigned.labels)
    g.compare('weights', assigned.weights)
    g.compare('gt_assignment', assigned.seed_index)

    logits = g.tensor('refine_logits', grad=True)
    probs = logits.softmax(dim=1)
    probs.retain_grad()
    g.compare('refine_prob', probs)
    arguments = probs, assigned.labels, assigned.weights, assigned.seed_index, len(seeds.labels)
    clusters = cluster_means(*arguments)
    g.compare('pc_labels', seeds.labels)
    g.compare('pc_probs', clusters.probs)
    g.compare('pc_count', clusters.counts.long())
    g.compare('img_cls_loss_weights', clusters.weights)
    loss = pcl_loss(*arguments)
    loss.backward()
    for source in ('v040', 'autograd'):
        g.compare(f'loss_{source}', loss)
        g.compare(f'grad_{source}', probs.grad)
    g.done()


def seeds_from_clusters(boxes, scores, labels, lowest):
    """Mine with given top clusters instead of our own: ``lowest`` holds the lowest member of each."""
    with patch('wsod_mm.functional.pcl_mining.top_cluster_threshold', side_effect=lowest):
        return pcl_seeds(boxes, scores, labels)


def check_top_clusters(g, boxes, scores, labels):
    """Compare the top cluster of every class in the image, in the pool that the classes before left.

    The reference's k-means starts at random and does not always end in the optimum (``kmeans_exact``); ours always does
    and must then be better, or as good where several are. What follows is compared with seeds mined from
    the reference's clusters.

    Returns:
        Seeds, and whether all our top clusters are those of the reference.
    """
    exact, sizes, lowest, same = g.array('kmeans_exact'), [], [], True
    left = torch.ones(len(scores), dtype=torch.bool)
    seeds = None
    for k, c in enumerate(labels.nonzero()[:, 0].tolist()):
        pool = scores[left, c].clamp(1e-9, 1 - 1e-9)
        sizes.append(len(pool))
        top, reference = top_cluster(pool), torch.zeros_like(pool, dtype=torch.bool)
        reference[torch.from_numpy(g.array(f'kmeans_top_{k}'))] = True
        assert torch.equal(top, _top_cluster_static(pool))
        if not torch.equal(top, reference):
            assert not exact[k] and best_error(pool, top) <= best_error(pool, reference), f'{g.path.name}: class {c}'
            same = False
        lowest.append(pool[reference].min().double().item())
        so_far = labels * (torch.arange(len(labels)) <= c)
        seeds = seeds_from_clusters(boxes, scores, so_far, lowest)
        left[seeds.indices] = False
    g.compare('pool_size', sizes)
    return seeds, same


def best_error(pool, top):
    """Least squared error of three clusters of which ``top`` is one."""
    rest = pool[~top].double().sort().values
    splits = [(pool[top].double(), rest[:i], rest[i:]) for i in range(len(rest) + 1)]
    return min(sum(((part - part.mean()) ** 2).sum() for part in parts if len(part)) for parts in splits)
