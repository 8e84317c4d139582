import pytest
import torch

from wsod_mm.functional.mil import image_scores, mil_bce_loss, wsddn_scores


def test_columns_sum_to_at_most_one_and_one_proposal_gives_the_class_softmax():
    torch.manual_seed(0)
    cls, det = torch.randn(7, 3), torch.randn(7, 3)
    assert (image_scores(wsddn_scores(cls, det)) <= 1).all()
    torch.testing.assert_close(wsddn_scores(cls[:1], det[:1]), cls[:1].softmax(1))


def test_order_of_proposals_does_not_matter():
    torch.manual_seed(0)
    cls, det, order = torch.randn(7, 3), torch.randn(7, 3), torch.randperm(7)
    torch.testing.assert_close(wsddn_scores(cls[order], det[order]), wsddn_scores(cls, det)[order])


def test_half_precision_input_is_computed_in_float32():
    scores = wsddn_scores(torch.randn(3000, 2).half(), torch.randn(3000, 2).half())
    assert scores.dtype == torch.float32
    assert (scores > 0).all()


def test_sum_is_c_times_mean_and_images_are_averaged():
    probs, labels = torch.rand(4, 5), torch.randint(0, 2, (4, 5)).float()
    mean = mil_bce_loss(probs, labels)
    torch.testing.assert_close(mil_bce_loss(probs, labels, reduction='sum'), 5 * mean)
    torch.testing.assert_close(
        torch.stack([mil_bce_loss(p, y) for p, y in zip(probs, labels, strict=True)]).mean(), mean
    )


def test_clamp_kills_the_gradient_of_a_saturated_class_and_eps_moves_it():
    probs = torch.tensor([1 - 1e-5, 0.4], requires_grad=True)
    labels = torch.tensor([0.0, 1.0])
    grads = [torch.autograd.grad(mil_bce_loss(probs, labels, eps=eps), probs)[0] for eps in (1e-4, 1e-6)]
    assert grads[0][0] == 0 and grads[1][0] != 0


def test_weight_zero_removes_a_class():
    labels = torch.tensor([1.0, 0.0])
    probs = torch.tensor([0.3, 0.6], requires_grad=True)
    mil_bce_loss(probs, labels, weight=torch.tensor([1.0, 0.0])).backward()
    assert probs.grad[0] != 0 and probs.grad[1] == 0


def test_works_inside_autocast():
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = mil_bce_loss(torch.rand(2, 3).bfloat16(), torch.ones(2, 3))
    assert loss.dtype == torch.float32


def test_bad_input():
    with pytest.raises(ValueError, match='cls_logits .2, 3.'):
        wsddn_scores(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(ValueError, match="'max'"):
        mil_bce_loss(torch.zeros(3), torch.zeros(3), reduction='max')
