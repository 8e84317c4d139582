# The pool of voc0712_active.py with SSD's pipelines: 300 x 300, crops and colours as in MMDetection's SSD300 for VOC.
# Crops of unlabeled images heed no boxes, for there are none.
_base_ = ['voc0712_active.py']
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Expand', mean=[123.675, 116.28, 103.53], to_rgb=True, ratio_range=(1, 4)),
    dict(type='MinIoURandomCrop', min_ious=(0.1, 0.3, 0.5, 0.7, 0.9), min_crop_size=0.3),
    dict(type='Resize', scale=(300, 300), keep_ratio=False),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='PhotoMetricDistortion',
        brightness_delta=32,
        contrast_range=(0.5, 1.5),
        saturation_range=(0.5, 1.5),
        hue_delta=18),
    dict(type='PackDetInputs', meta_keys={{_base_.meta_keys}})
]
score_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(300, 300), keep_ratio=False),
    dict(type='PackDetInputs', meta_keys={{_base_.meta_keys}})
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(300, 300), keep_ratio=False),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'))
]

# one epoch passes through the images 16 times
train_dataloader = dict(batch_size=8, dataset=dict(times=16, dataset=dict(pipeline=train_pipeline)))
unlabeled_dataloader = dict(batch_size=8, dataset=dict(times=16, dataset=dict(pipeline=train_pipeline)))
score_dataloader = dict(dataset=dict(pipeline=score_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
