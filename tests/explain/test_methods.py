"""The methods beside the formulas, loops and each other; smoothing, fusion, padding, tokens."""

import pytest
import torch
from mmdet.structures import DetDataSample
from torch import nn

from wsod_mm.explain import (
    CAM,
    CAM_METHODS,
    AblationCAM,
    BaseCAM,
    ClassTarget,
    EigenCAM,
    GradCAM,
    GradCAMPlusPlus,
    LayerCAM,
    MaskTarget,
    ScoreCAM,
    TokenReshape,
    cam_method,
    make_cam,
)
from wsod_mm.functional import cam_methods as formulas

from .toy import ToyTransformer, classifier, hooks, images

LAYER = 'features[4]'
FORMULAS = {
    'GradCAM': 'gradcam',
    'GradCAM++': 'gradcam++',
    'XGradCAM': 'xgradcam',
    'LayerCAM': 'layercam',
    'HiResCAM': 'hirescam',
    'GradCAMElementWise': 'elementwise',
    'EigenGradCAM': 'eigengradcam',
}


def pair(model, inputs, category, layer):
    """Activations and gradients, by running the parts of the network."""
    model.eval()
    activations = model.features[: layer + 1](inputs).detach().requires_grad_()
    rest = model.fc(model.features[layer + 1 :](activations.clone()).mean((2, 3)))[:, category].sum()
    return activations.detach(), torch.autograd.grad(rest, activations)[0]


@pytest.mark.parametrize('method', FORMULAS)
def test_gradient_methods_follow_the_formulas(method):
    model, inputs = classifier(), images()
    for layer in (0, 4, 5):  # in-place layers behind 0 and 4 must not change what is seen
        expected = formulas.GRADIENT_METHODS[FORMULAS[method]](*pair(model, inputs, 2, layer))
        cam = make_cam(method, model, model.features[layer])
        torch.testing.assert_close(cam.raw_maps(inputs, 2), [expected])
        scaled = formulas.fuse_cams([formulas.scale_cams(expected, (16, 20))])
        torch.testing.assert_close(cam(inputs, 2), scaled)
        assert cam(inputs, 2).shape == (2, 16, 20)


def test_other_methods():
    model, inputs = classifier(), images()
    activations, _ = pair(model, inputs, 0, 5)
    (cam,) = CAM(model).raw_maps(inputs, 2)
    torch.testing.assert_close(cam, torch.einsum('c,bchw->bhw', model.fc.weight[2], activations).detach())
    torch.testing.assert_close(EigenCAM(model, 'features.5').raw_maps(inputs), [formulas.eigen_cam(activations)])
    (mean,) = make_cam('featmapam', model, 'features[-1]').raw_maps(inputs)
    torch.testing.assert_close(mean, activations.mean(1))
    # after pooling, Grad-CAM is CAM over the number of cells
    (grad,) = GradCAM(model, 'features.5').raw_maps(inputs, 2)
    (cam,) = CAM(model, 'features.5').raw_maps(inputs, 2)
    torch.testing.assert_close(grad * grad[0].numel(), cam)


@pytest.mark.parametrize('batch_size', [1, 4, 100])
def test_score_and_ablation_cam_by_loops(batch_size):
    model, inputs = classifier().eval(), images()
    with torch.no_grad():
        activations = model.features(inputs)
        for i, category in enumerate([2, 0]):
            base = model(inputs)[i, category]
            scores, losses = [], []
            for c in range(activations.shape[1]):
                mask = formulas.activation_masks(activations[i : i + 1], (16, 20))[:, c]
                scores.append(model(inputs[i : i + 1] * mask[:, None])[0, category])
                changed = activations[i : i + 1].clone()
                changed[:, c] = 0
                losses.append((base - model.fc(changed.mean((2, 3)))[0, category]) / base)
            for method, weights in ((ScoreCAM, torch.stack(scores).softmax(0)), (AblationCAM, torch.stack(losses))):
                (found,) = method(model, 'features.5', batch_size=batch_size).raw_maps(inputs, [2, 0])
                torch.testing.assert_close(found[i], (weights[:, None, None] * activations[i]).sum(0))
    with pytest.raises(ValueError, match='batch_size=0'):
        ScoreCAM(model, batch_size=0)


@pytest.mark.parametrize('method', CAM_METHODS)
def test_batches_targets_and_range(method):
    model, inputs = classifier(), images(3)
    cam = make_cam(method, model, 'features.5')
    both = cam(inputs, [0, 2, None])
    assert both.dtype == torch.float32 and 0 <= both.min() and both.max() <= 1
    assert cam.outputs.shape == (3, 3) and not cam.outputs.requires_grad
    assert [t.category for t in cam.targets][:2] == [0, 2]
    assert cam.targets[2].category == int(model.eval()(inputs)[2].argmax())
    for i, target in enumerate((0, 2, None)):
        torch.testing.assert_close(cam(inputs[i : i + 1], target)[0], both[i], rtol=1e-3, atol=1e-4)
    if method not in ('EigenCAM', 'FeatmapAM'):
        # trained or not, the classes of a random network look elsewhere
        assert not torch.allclose(cam.raw_maps(inputs, 0)[0], cam.raw_maps(inputs, 1)[0])
    assert torch.equal(cam(inputs, torch.tensor([0, 2, 1])), cam(inputs, (0, 2, 1)))
    assert not hooks(model)


def test_functions_as_targets():
    model, inputs = classifier(), images()
    for method in ('GradCAM', 'ScoreCAM', 'AblationCAM'):
        cam = make_cam(method, model, 'features.5')
        assert torch.equal(cam(inputs, lambda z: z[1]), cam(inputs, ClassTarget(1)))
        assert not torch.equal(cam(inputs, lambda z: z[1] - z[2]), cam(inputs, 1))
    with pytest.raises(ValueError, match='targets of CAM are classes'):
        CAM(model)(inputs, lambda z: z[0])


def test_a_score_without_gradient_gives_zeros():
    assert not GradCAM(classifier())(images(), lambda z: torch.zeros(())).any()


def test_switches():
    model, inputs = classifier(), images()
    plain = GradCAM(model, ['features.0', 'features.5'])(inputs, 1)
    both = [GradCAM(model, f'features.{k}').raw_maps(inputs, 1)[0] for k in (0, 5)]
    both = [formulas.scale_cams(maps, (16, 20)) for maps in both]
    torch.testing.assert_close(plain, formulas.fuse_cams(both), rtol=1e-4, atol=1e-5)
    for fusion in ('max', 'tanh_max'):
        fused = GradCAM(model, ['features.0', 'features.5'], fusion=fusion)(inputs, 1)
        torch.testing.assert_close(fused, formulas.fuse_cams(both, fusion), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(fused, plain)
    (raw,) = GradCAM(model, 'features.4').raw_maps(inputs, 1)
    assert (raw < 0).any()
    free = GradCAM(model, 'features.4', relu=False)(inputs, 1)
    torch.testing.assert_close(free, formulas.fuse_cams([formulas.scale_cams(raw, (16, 20), relu=False)]))
    assert not torch.allclose(free, GradCAM(model, 'features.4')(inputs, 1))
    assert GradCAM(model, 'features.0', max_shape=4).raw_maps(inputs, 1)[0].shape == (2, 3, 4)
    assert GradCAM(model, 'features.0', max_shape=10).raw_maps(inputs, 1)[0].shape == (2, 8, 10)
    one = GradCAMPlusPlus(model, 'features.4')(inputs, 1)
    assert not torch.allclose(one, GradCAMPlusPlus(model, 'features.4', dialect='torch-cam')(inputs, 1))
    named = CAM(model, 'features.5', classifier='fc')(inputs, 1)
    assert torch.equal(named, CAM(model, model.features[5])(inputs, 1))


@pytest.mark.parametrize('method', ['GradCAM', 'LayerCAM', 'ScoreCAM', 'CAM', 'FeatmapAM'])
def test_eigen_smooth(method):
    model, inputs = classifier(), images()
    cam = make_cam(method, model, 'features.5')
    (smooth,) = cam.raw_maps(inputs, 1, eigen_smooth=True)
    assert not torch.allclose(smooth, cam.raw_maps(inputs, 1)[0])
    if method == 'LayerCAM':
        activations, gradients = pair(model, inputs, 1, 5)
        torch.testing.assert_close(smooth, formulas.eigen_cam(gradients.relu() * activations))
    assert not torch.allclose(cam(inputs, 1, eigen_smooth=True), cam(inputs, 1))
    for eigen in ('EigenCAM', 'EigenGradCAM'):
        with pytest.raises(ValueError, match='leave eigen_smooth out'):
            make_cam(eigen, model)(inputs, eigen_smooth=True)


def test_aug_smooth_is_the_mean_of_six():
    model, inputs = classifier(), images()
    cam = GradCAM(model, 'features.4')
    parts = [cam(inputs * f, 1) for f in (0.9, 1, 1.1)] + [cam(inputs.flip(-1) * f, 1).flip(-1) for f in (0.9, 1, 1.1)]
    smooth = cam(inputs, 1, aug_smooth=True)
    torch.testing.assert_close(smooth, torch.stack(parts).mean(0))
    assert not torch.allclose(smooth, cam(inputs, 1))
    # the class is that of the plain image, also where a view would be another
    cam(inputs, aug_smooth=True)
    assert [t.category for t in cam.targets] == model.eval()(inputs).argmax(1).tolist()


def test_padding_has_no_say():
    class Local(nn.Module):
        """Cells that do not see each other, so that an image in a padded batch is as alone."""

        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 4, stride=4)
            self.fc = nn.Linear(4, 2)

        def forward(self, x):
            return self.fc(self.conv(x).sum((2, 3)))

    torch.manual_seed(0)
    model, inputs = Local(), images(2, (16, 24))
    sizes = ((16, 24), (8, 16))
    inputs[1, :, 8:], inputs[1, :, :, 16:] = 50, -50  # what a preprocessor leaves there can be anything
    samples = [DetDataSample(metainfo=dict(img_shape=size)) for size in sizes]
    for method in (GradCAM, EigenCAM, LayerCAM):
        maps = method(model, 'conv', relu=False)(inputs, 1, samples)
        assert not maps[1, 8:].any() and not maps[1, :, 16:].any() and maps[1].max() > 0.999
        plain = method(model, 'conv', relu=False)(inputs, 1)
        assert torch.equal(maps[0], plain[0]) and not torch.allclose(maps[1], plain[1])
    smooth = GradCAM(model, 'conv')(inputs, 1, samples, aug_smooth=True)
    assert not smooth[1, 8:].any() and not smooth[1, :, 16:].any()


@pytest.mark.parametrize('method', [m for m in CAM_METHODS if m != 'CAM'])
def test_vision_transformer(method):
    torch.manual_seed(0)
    model, inputs = ToyTransformer().eval(), images(2, (16, 16))
    cam = make_cam(method, model, 'norm', reshape=TokenReshape(1))
    (raw,) = cam.raw_maps(inputs, 1)
    assert raw.shape == (2, 4, 4) and cam(inputs, 1).shape == (2, 16, 16)
    tokens = model.norm(torch.cat([model.token.expand(2, -1, -1), model.patches(inputs).flatten(2).mT], 1)).detach()
    activations = tokens[:, 1:].transpose(1, 2).reshape(2, 8, 4, 4)
    if method == 'GradCAM':
        tokens.requires_grad_()
        mixed = tokens + model.attention(tokens, tokens, tokens)[0]
        (grads,) = torch.autograd.grad(model.head(mixed[:, 0])[:, 1].sum(), tokens)
        expected = formulas.grad_cam(activations, grads[:, 1:].transpose(1, 2).reshape(2, 8, 4, 4))
        torch.testing.assert_close(raw, expected.detach())
    if method == 'AblationCAM':  # the class token loses the channel, too
        base, drops = model(inputs)[0, 1], []
        for c in range(8):
            changed = tokens[:1].clone()
            changed[..., c] = 0
            mixed = changed + model.attention(changed, changed, changed)[0]
            drops.append(((base - model.head(mixed[:, 0])[0, 1]) / base).detach())
        expected = torch.einsum('c,chw->hw', torch.stack(drops), activations[0])
        torch.testing.assert_close(raw[0], expected, rtol=1e-4, atol=1e-5)


def test_token_grids():
    model = ToyTransformer(extra=0)
    assert make_cam('GradCAM', model, 'norm', reshape=TokenReshape(0, (4, 5)))(images(), 0).shape == (2, 16, 20)
    with pytest.raises(ValueError, match='20 tokens without 0 extra ones are 20 patches, not 4 x 4'):
        make_cam('GradCAM', model, 'norm', reshape=TokenReshape(0))(images(), 0)
    with pytest.raises(ValueError, match=r'\(2, 20, 8\), not maps .*--vit-like'):
        make_cam('GradCAM', model, 'norm')(images(), 0)
    with pytest.raises(ValueError, match='drop the reshape'):
        make_cam('GradCAM', model, 'patches', reshape=TokenReshape(1))(images(), 0)
    channels_last = TokenReshape(0)(torch.arange(24.0).view(1, 2, 3, 4))
    assert channels_last.shape == (1, 4, 2, 3) and channels_last[0, :, 0, 0].tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match='num_extra_tokens=-1'):
        TokenReshape(-1)


def test_segmentation():
    model, inputs = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 1)), images(1)
    mask = torch.zeros(16, 20)
    mask[:, :8] = 1
    cam = GradCAM(model, '1')
    left, whole = cam(inputs, MaskTarget(1, mask)), cam(inputs, 1)
    assert not torch.equal(left, whole)
    (activations,) = [model[:2](inputs).detach()]
    weights = model[2].weight[1, :, 0, 0] * mask.mean()
    torch.testing.assert_close(
        cam.raw_maps(inputs, MaskTarget(1, mask))[0][0], torch.einsum('c,chw->hw', weights, activations[0]).detach()
    )
    flipped = cam(inputs.flip(-1), MaskTarget(1, mask).flip(20)).flip(-1)
    cam_flip = cam(inputs, MaskTarget(1, mask), aug_smooth=True)
    assert flipped.shape == cam_flip.shape and not torch.equal(cam_flip, left)
    with pytest.raises(ValueError, match='does not fit the output'):
        cam(inputs, MaskTarget(1, mask[:5]))


def test_names():
    assert cam_method('grad-cam++') is cam_method('GradCAMPlusPlus') is GradCAMPlusPlus
    assert len(set(CAM_METHODS.values())) == 12 and all(issubclass(m, BaseCAM) for m in CAM_METHODS.values())
    with pytest.raises(ValueError, match="method='gradcm': must be one of CAM, GradCAM"):
        cam_method('gradcm')


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda m: GradCAM(m)(images()[0]), r'inputs must be float \[B, 3, H, W\].*\(3, 16, 20\).*inputs\[None\]'),
        (lambda m: GradCAM(m)(images().long()), 'inputs must be float'),
        (lambda m: GradCAM(m)(images(), [0]), '1 targets for 2 images'),
        (lambda m: GradCAM(m)(images(), 3), 'class 3: the model has classes 0 to 2'),
        (lambda m: CAM(m)(images(), 3), 'classes 0 to 2'),
        (lambda m: GradCAM(m)(images(), [0, 'cat']), "target 'cat'"),
        (lambda m: GradCAM(m)(images(), lambda z: z), 'must return one number'),
        (lambda m: GradCAM(m)(images(), lambda z: 1.0), 'must return one number'),
        (lambda m: GradCAM(m)(images(), 0, [None]), '1 data samples for 2 images'),
        (lambda m: CAM(m, classifier='features.4'), 'no linear layer'),
        (lambda m: CAM(m, classifier='features.3'), 'no linear layer'),
        (lambda m: GradCAM(m, fusion='sum'), "fusion='sum'"),
        (lambda m: GradCAM(m, max_shape=0), 'max_shape=0'),
        (lambda m: GradCAM(nn.Linear(3, 2)), 'has no convolution'),
        (lambda m: CAM(nn.Conv2d(3, 2, 3), '')(images()), 'no layer'),
        (lambda m: GradCAM(nn.Sequential(nn.Flatten(), nn.Linear(960, 4)), '1')(images()), "no map came from '1'"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(ValueError, match=message):
        call(classifier())


def test_layers_without_a_part_in_the_score():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle, self.aside = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)

        def forward(self, x):
            self.aside(x)
            return self.used(x).mean((2, 3))

    with pytest.raises(ValueError, match="no map came from 'idle'"):
        GradCAM(Two(), 'idle')(images())
    with pytest.raises(ValueError, match="score does not depend on 'aside'"):
        GradCAM(Two(), 'aside')(images())
    with pytest.raises(ValueError, match='classifier takes 3 channels'):
        CAM(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 3, 3), nn.Conv2d(3, 2, 1)), '0')(images())


def test_half_precision_and_autocast():
    model, inputs = classifier().double(), images().double()
    exact = GradCAM(model)(inputs, 1)
    assert exact.dtype == torch.float32
    with torch.autocast('cpu', torch.bfloat16):
        rough = GradCAM(classifier())(images(), 1)
    assert rough.dtype == torch.float32 and (rough - exact).abs().max() < 0.1
