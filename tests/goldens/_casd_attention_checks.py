"""Golden checks of the attention losses and of Inverted Attention."""

import torch

from wsod_mm.functional.attention import (
    attention_consistency,
    attention_target,
    divide_by_rows,
    image_wise_loss,
    layer_wise_loss,
    shared_rows,
    spatial_attention,
    unflip_maps,
    whole_map_consistency,
)
from wsod_mm.functional.inverted_attention import (
    draw_erasure,
    erasure_candidates,
    erasure_change,
    gradcam_channel_weights,
    gradcam_maps,
    hardest_threshold,
    ia_phase,
    keep_hardest,
)

from ._common import Golden

FLIPPED = (False, True, False, True)


def golden(path):
    return Golden(path, rtol=1e-4, atol=1e-5)


def compare_grad(g, key, grad):
    """Compare a gradient, whose values may be far below the usual absolute tolerance, relative to its largest value."""
    g.compare(key, grad, atol=max(1e-4 * float(abs(g.arrays[key]).max(initial=0)), 1e-9))


def compare_maps(g, features, minmax, att, agg, unflipped):
    """Compare attention maps and their target; returns the maps in the frame of view 0."""
    maps = spatial_attention(features.flatten(0, 1), minmax=minmax).unflatten(0, features.shape[:2])
    in_frame = unflip_maps(maps, FLIPPED)
    g.compare(att, in_frame if unflipped else maps.flatten(0, 1))
    g.compare(agg, attention_target(in_frame))
    return in_frame


def check_casd_iw(path):
    g = golden(path)
    count, keep = int(g.scalar('P')), g.tensor('keep')
    feats = g.tensor('feats', grad=True)
    views = feats.unflatten(0, (4, count))

    sampled = torch.zeros(4, count, dtype=torch.bool).scatter(1, keep, True)
    rows, valid = shared_rows(sampled, keep.shape[1])
    g.compare('inter', rows[valid])
    loss = image_wise_loss(views[:, rows], FLIPPED, valid, minmax=True)
    (grad,) = torch.autograd.grad(loss, feats)
    if g.scalar('defined'):
        compare_maps(g, views[:, rows[valid]], True, 'att', 'agg_view0_frame', unflipped=False)
        g.compare('loss', loss, atol=1e-7)
        compare_grad(g, 'grad_feats', grad)
    else:  # the reference raises
        assert not valid.any() and loss == 0 and not grad.any()
        g.unused -= {'att', 'agg_view0_frame', 'loss', 'grad_feats'}

    if 'paper_sel' in g.arrays:
        chosen = views[:, g.tensor('paper_sel').long()]
        in_frame = compare_maps(g, chosen, False, 'paper_att_unflipped', 'paper_agg', unflipped=True)
        g.compare('paper_l2norm', attention_consistency(in_frame, distance='l2'))
        loss = image_wise_loss(chosen, FLIPPED)
        g.compare('paper_mse', loss, atol=1e-7)
        compare_grad(g, 'paper_mse_grad_feats', torch.autograd.grad(loss, feats)[0])
    g.done()


def check_casd_lw(path):
    g = golden(path)
    conv = [g.tensor(f'conv_scale{i}', grad=True) for i in (0, 1)]
    loss = whole_map_consistency(conv)
    g.compare('ca_lw_loss', loss, atol=1e-7)
    loss.backward()
    for i in (0, 1):
        compare_grad(g, f'ca_lw_grad{i}', conv[i].grad)

    feats = [g.tensor(f'lw_feat{q}', grad=True) for q in range(4)]
    maps = torch.stack([spatial_attention(f) for f in feats])
    g.compare('lw_att', maps)
    g.compare('lw_agg', attention_target(maps))
    g.compare('lw_l2norm', layer_wise_loss(feats, distance='l2'))
    loss = layer_wise_loss(feats)
    g.compare('lw_mse', loss, atol=1e-7)
    loss.backward()
    for q in range(4):
        compare_grad(g, f'lw_grad{q}', feats[q].grad)
    g.done()


def check_consistency_part(g):
    """Compare the arrays of ``casd_losses`` that belong to the image-wise loss of master."""
    count, feats = int(g.scalar('P')), g.tensor('feats', grad=True)
    views = feats.unflatten(0, (4, count))
    losses = []
    for b in (1, 2):
        rows = g.tensor(f'keep{b}')[0]  # master takes what view 0 sampled, in its order
        compare_maps(g, views[:, rows], True, f'mst_att_branch{b}', f'mst_agg_branch{b}', unflipped=False)
        losses.append(image_wise_loss(views[:, rows], FLIPPED, minmax=True))
    loss = divide_by_rows(losses, torch.ones(len(rows), dtype=torch.bool))
    g.compare('mst_consistency', loss, atol=1e-8)
    compare_grad(g, 'mst_grad_consistency_feats', torch.autograd.grad(loss, feats)[0])


def check_ia(path):
    g = golden(path)
    feats, labels = g.tensor('feats', grad=True), g.tensor('gt_label').long()
    w6, b6, w7, b7, w8, b8 = (g.tensor(f'{k}_{n}') for n in ('fc6', 'fc7', 'refine') for k in 'Wb')
    g.unused -= {'branch', 'np_seed'}  # the branch chooses W_refine; the draws are injected
    phase = ia_phase(int(g.scalar('step')))
    g.compare('th_l', phase.rank)
    g.compare('th_s', phase.erase)
    g.compare('fg_drop_per', round(1 / phase.rate_fg))
    g.compare('bg_drop_per', round(1 / phase.rate_bg))
    valid = torch.zeros(len(labels), dtype=torch.bool).index_fill(0, g.tensor('keep_inds'), True)

    def head(x):
        hidden6 = torch.relu(x.flatten(1) @ w6.T + b6)
        hidden7 = torch.relu(hidden6 @ w7.T + b7)
        return hidden6, hidden7, hidden7 @ w8.T + b8

    def prob(logits):
        return logits.softmax(1).gather(1, labels[:, None])[:, 0]

    # the attention, in closed form and against the gradient
    hidden6, hidden7, logits = head(feats)
    (grad,) = torch.autograd.grad(logits.gather(1, labels[:, None]).sum(), feats)
    compare_grad(g, 'grad_feats', grad)
    weights = gradcam_channel_weights(hidden6, hidden7, w8[labels], w7, w6, feats.shape[1])
    torch.testing.assert_close(weights, g.tensor('grad_feats').mean((2, 3)), rtol=1e-4, atol=1e-7)
    attention = gradcam_maps(feats, weights)
    compare_grad(g, 'attention', attention)

    # which cells: on the golden attention, since ours may round a near-tie to the other side
    given, threshold = g.tensor('attention'), g.tensor('att_threshold')[:, None]
    g.compare('att_threshold', given.sort(1, descending=True).values[:, phase.rank])
    candidates = erasure_candidates(given, phase.rank)
    g.compare('candidate_keep', (~candidates).byte())
    differ = candidates != erasure_candidates(attention, phase.rank)
    assert ((given - threshold).abs()[differ] < 1e-4 * given.abs().max()).all()

    # noise that is high where the golden draw erased must give that draw
    drawn = g.tensor('sampled_mask').bool()
    mask = draw_erasure(candidates, phase.erase, noise=(~drawn).float() * 0.5)
    g.compare('sampled_mask', (mask | ~valid[:, None]).byte())

    before, after = prob(logits.detach()), prob(head(feats.detach() * drawn.view(-1, 1, *feats.shape[2:]))[2])
    g.compare('prob_before', before)
    g.compare('prob_after', after)
    g.compare('change', erasure_change(before, after), atol=1e-6)

    change, num_fg, num_bg = g.tensor('change'), int(g.scalar('fg_num')), int(g.scalar('bg_num'))
    args = (change, labels, valid, num_fg, num_bg, phase.rate_fg, phase.rate_bg)
    kept, kept_quirk = keep_hardest(*args), keep_hardest(*args, quirk=True)
    foreground = labels > 0
    for kind, rows, num, rate in (
        ('fg', foreground, num_fg, phase.rate_fg),
        ('bg', ~foreground, num_bg, phase.rate_bg),
    ):
        if foreground.any():  # over all rows of the kind, sampled or not
            g.compare(f'th_{kind}', hardest_threshold(change, rows, num, rate))
            g.compare(f'drop_{kind}', kept & rows)
        else:  # the reference goes wrong in rows 0..10, which final_mask decides; the other rows must agree
            g.unused.discard(f'th_{kind}')
            torch.testing.assert_close((kept & rows)[11:], g.tensor(f'drop_{kind}')[11:])
    for key, rows in (('final_mask', kept_quirk), ('final_mask_noquirk', kept)):
        g.compare(key, (drawn | ~rows[:, None]).byte().view(-1, *feats.shape[2:]))
    tensors = keep_hardest(*args[:3], torch.tensor(num_fg), torch.tensor(num_bg), *args[5:])
    assert torch.equal(tensors, kept)
    g.done()
