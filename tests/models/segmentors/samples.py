"""Small batches with label maps, as a dataloader gives them."""

import torch
from mmdet.structures import DetDataSample
from mmengine.structures import PixelData

#: strides 2, 4, 8, 8, 8
MINI = dict(type='MiniCNN', channels=(4, 8, 8, 12, 16))
PREPROCESSOR = dict(
    type='DetDataPreprocessor',
    mean=[100.0] * 3,
    std=[60.0] * 3,
    bgr_to_rgb=False,
    pad_size_divisor=16,
    pad_seg=True,
    seg_pad_value=255,
)


def batch(*sizes, label_stride=1, seed=1):
    """uint8 images of the given (height, width), and label maps of a quarter of background, class 1, class 2, 255."""
    generator = torch.Generator().manual_seed(seed)
    inputs, samples = [], []
    for i, (height, width) in enumerate(sizes):
        inputs.append(torch.randint(0, 256, (3, height, width), generator=generator, dtype=torch.uint8))
        label = torch.zeros(1, height // label_stride, width // label_stride, dtype=torch.uint8)
        rows, columns = label.shape[1] // 2, label.shape[2] // 2
        label[:, :rows, columns:], label[:, rows:, :columns], label[:, rows:, columns:] = 1, 2, 255
        sample = DetDataSample(metainfo=dict(img_id=str(i), img_shape=(height, width)))
        sample.gt_sem_seg = PixelData(sem_seg=label)
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)
