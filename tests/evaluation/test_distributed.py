"""Two processes that share the images give the numbers of one."""

import os
import socket

import pytest
import torch.distributed as dist
import torch.multiprocessing as mp

from wsod_mm.evaluation import WeakVOCMetric


def _sample(number):
    import torch

    box = torch.tensor([[0.0, 0.0, 9.0, 9.0]])
    shift = torch.tensor([[0.0, 0.0, 0.0, 20.0 if number % 2 else 0.0]])
    labels = torch.tensor([number % 3 % 2])
    found = {'bboxes': box + shift, 'labels': labels, 'scores': torch.tensor([1.0 - number / 10])}
    truth = {'bboxes': box, 'labels': labels}
    return {'img_id': str(number), 'gt_instances': truth, 'pred_instances': found, 'top1_instances': found}


def _evaluate(numbers, size):
    metric = WeakVOCMetric(print_classes=False)
    metric.dataset_meta = {'classes': ('cat', 'dog')}
    metric.process(None, [_sample(number) for number in numbers])
    return metric.evaluate(size), metric.details


def _work(rank, port, folder):
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    dist.init_process_group('gloo', rank=rank, world_size=2)
    # 7 images: the sampler gives rank 1 a padded fourth one
    numbers = [0, 2, 4, 6] if rank == 0 else [1, 3, 5, 0]
    metrics, details = _evaluate(numbers, 7)
    (folder / f'{rank}.txt').write_text(repr((sorted(metrics.items()), sorted(details.items()) if rank == 0 else [])))
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_ranks_equal_one(tmp_path):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    mp.spawn(_work, args=(port, tmp_path), nprocs=2)
    metrics, details = _evaluate(range(7), 7)
    assert 0 < metrics['voc/mAP_area'] < 100
    assert (tmp_path / '0.txt').read_text() == repr((sorted(metrics.items()), sorted(details.items())))
    assert (tmp_path / '1.txt').read_text() == repr((sorted(metrics.items()), []))
