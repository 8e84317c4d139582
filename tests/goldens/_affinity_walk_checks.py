"""Golden vectors of AffinityNet and IRN: walks, label maps, instances, and the dense CRF."""

import numpy as np
import torch
import torch.nn.functional as F

from wsod_mm.functional.crf_labels import hard_unary, soft_unary
from wsod_mm.functional.instance_seg import (
    cluster_centroids,
    detect_instances,
    find_instances,
    instance_scores,
    instance_shapes,
    refine_centroids,
)
from wsod_mm.functional.pair_affinity import shifted_embedding_affinity
from wsod_mm.functional.pixel_pairs import pair_offsets
from wsod_mm.functional.random_walk import reference_border, symmetric_affinity, transition_matrix
from wsod_mm.functional.walk_labels import (
    irn_scores,
    irn_walk,
    irn_walk_labels,
    pooled_scores,
    psa_walk,
    psa_walk_labels,
)
from wsod_mm.ops.dense_crf import DenseCRFParams, dense_crf, resolve_crf_backend

from ._affinity_common import Case

WALK = {'rtol': 0, 'atol': 5e-5}  # the reference squares a dense matrix in float32
NUM_CLASSES = 20


def all_planes(planes, keys):
    """``[K + 1, ...]`` -> ``[21, ...]`` with zeros for the classes that are not there."""
    result = planes.new_zeros(NUM_CLASSES + 1, *planes.shape[1:])
    result[0] = planes[0]
    result[keys + 1] = planes[1:]
    return result


def normalised_input(image, height, width):
    """Network input of ResNet-38, with zeros on the right and at the bottom."""
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
    pixels = (torch.as_tensor(image).permute(2, 0, 1) / 255 - mean) / std
    return F.pad(pixels, (0, width - pixels.size(2), 0, height - pixels.size(1)))


def check_psa_random_walk(path):
    g = Case(path, **WALK)
    alpha, beta, log_steps = g.array('alpha_beta_logt').tolist()
    keys, cam = g.tensor('keys'), g.tensor('cam')
    embedding = F.elu(F.elu(g.tensor('f9_in')))[0]  # one of the head of each tap, one after they are joined
    height, width = embedding.shape[1:]
    image = g.array('img')
    assert image.shape[:2] == tuple(cam.shape[1:])
    if g.has('netin_padded'):
        g.compare('netin_padded', normalised_input(image, 8 * height, 8 * width))

    offsets = pair_offsets(5)
    affinity = shifted_embedding_affinity(embedding, offsets)
    inner = reference_border(affinity, 5)
    g.compare('aff_dense', symmetric_affinity(inner, offsets).to_dense())
    transition = transition_matrix(inner, offsets, beta).to_dense()
    g.compare('trans1', transition)
    g.compare('trans_t', torch.linalg.matrix_power(transition, 2**log_steps))
    g.compare('cam_vec', all_planes(pooled_scores(cam, alpha), keys).flatten(1))
    walk = dict(alpha=alpha, beta=beta, steps=2**log_steps, border='reference')
    for method in ('sparse', 'stencil'):
        walked = all_planes(psa_walk(cam, affinity, **walk, method=method), keys)
        g.compare('rw_low', walked)
        # the affinities of the formula come from the reference, in float32
        g.compare('rw_low_float64_formula', walked, atol=1e-5)
        g.compare('result', psa_walk_labels(cam, keys, affinity, **walk, method=method))
    g.done()


def check_irn_random_walk(path):
    g = Case(path, **WALK)
    radius, beta, log_steps = g.array('radius_beta_times').tolist()
    for method in ('sparse', 'stencil'):
        walked = irn_walk(g.tensor('x'), g.tensor('edge')[0], beta, 2**log_steps, radius, method)
        g.compare('rw', walked[:, None])
    g.done()


def check_irn_sem_seg(path):
    g = Case(path, rtol=0, atol=2e-4)
    beta, log_steps, threshold = g.array('beta_times_bgthres').tolist()
    size, cam, edge = tuple(g.array('size').tolist()), g.tensor('cam'), g.tensor('edge')[0]
    walk = dict(beta=beta, steps=2 ** int(log_steps))
    scores = irn_scores(irn_walk(cam, edge, **walk), size)
    g.compare('score_with_bg', torch.cat([scores.new_full((1, *size), threshold), scores]))
    g.compare('result', irn_walk_labels(cam, g.tensor('keys'), edge, size, threshold, **walk))
    g.done()


def check_irn_instance(path):
    g = Case(path, rtol=0, atol=3e-4)
    beta, log_steps, threshold, near = g.array('beta_times_bgthres_clusterthres').tolist()
    size, keys = tuple(g.array('size').tolist()), g.tensor('keys')
    cam, edge, displacement = g.tensor('cam'), g.tensor('edge')[0], g.tensor('disp')
    walk = dict(beta=beta, steps=2 ** int(log_steps))
    g.compare('centroids_5', refine_centroids(displacement, 5))
    centroids = refine_centroids(displacement, 300)
    g.compare('centroids_300', centroids)
    clusters = cluster_centroids(centroids, displacement, near)
    g.compare('instance_map', clusters)
    g.compare('score_map', instance_scores(cam, clusters, edge, size, **walk))
    labels = keys.repeat_interleave(len(clusters))
    g.compare('instance_class_id', labels)
    g.compare('max_fragment_size', 0.01 * size[0] * size[1])
    scores = g.tensor('score_map')
    shapes = instance_shapes(scores, threshold)
    g.compare('shape_mask', shapes)
    found = detect_instances(scores, shapes, labels)
    g.compare('out_score', found.scores)
    g.compare('out_mask', found.masks)
    g.compare('out_class', found.labels)
    whole = find_instances(cam, keys, displacement, edge, size, threshold, near, **walk)
    if len(whole.labels) == len(found.labels):  # a pixel on the verge of two planes can split a fragment
        torch.testing.assert_close(whole.scores, found.scores, rtol=0, atol=3e-4)
    union = whole.masks.any(dim=0) != found.masks.any(dim=0)
    assert union.double().mean() < 2e-3
    g.done()


def check_dense_crf(path):
    g = Case(path, rtol=0, atol=1e-4)
    image, oracle = g.array('img'), g.array('q_exact_formula')
    unary = soft_unary(torch.from_numpy(g.array('prob'))).numpy()
    label_costs = hard_unary(torch.from_numpy(g.array('irn_label_in')).long(), len(oracle)).numpy()
    label_params = DenseCRFParams(bilateral_sigma=50, color_sigma=5)
    g.compare('q_exact_formula', dense_crf(image, unary, backend='exact'), atol=1e-6)
    posterior = dense_crf(image, unary, backend='grid')
    assert (posterior.argmax(0) != oracle.argmax(0)).mean() <= 0.025
    np.testing.assert_allclose(posterior.sum(0), 1, atol=1e-5)
    theirs = [g.array(name) for name in ('q_psa', 'q_psa_t1', 'irn_label_out')]
    if resolve_crf_backend('auto') == 'pydensecrf':  # what made them; others are compared with the oracle only
        g.compare('q_psa', dense_crf(image, unary, backend='pydensecrf'))
        g.compare('q_psa_t1', dense_crf(image, unary, DenseCRFParams(iterations=1), backend='pydensecrf'))
        refined = dense_crf(image, label_costs, label_params, backend='pydensecrf').argmax(0)
        g.compare('irn_label_out', refined.astype(theirs[2].dtype))
    g.done()
