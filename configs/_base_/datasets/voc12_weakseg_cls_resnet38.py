# AffinityNet, step 1, on PASCAL VOC 2012: train on train_aug, look at val. Images are normalised before they are
# cropped, so that what a crop lacks is the mean colour.
dataset_type = 'WeakVOCDataset'
data_root = 'data/VOCdevkit/'
mean_color = (123.675, 116.28, 103.53)  # RGB, that of the data preprocessor

train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='RandomResizeLong', min_long=256, max_long=512),
    dict(type='RandomMirror', prob=0.5),
    dict(type='ColorJitter', brightness=0.3, contrast=0.3, saturation=0.3, hue=0.1),
    dict(type='ContainerCrop', crop_size=448, fill=mean_color),
    dict(type='PackWeakInputs')
]
test_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='ContainerCrop', crop_size=500, placement='center', fill=mean_color),
    dict(type='PackWeakInputs')
]

train_dataloader = dict(
    batch_size=16,
    num_workers=8,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='VOC2012/ImageSets/Segmentation/train_aug.txt',
        data_prefix=dict(sub_data_root='VOC2012/'),
        difficult='include',  # as in cls_labels.npy
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=16,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='VOC2012/ImageSets/Segmentation/val.txt',
        data_prefix=dict(sub_data_root='VOC2012/'),
        difficult='include',
        boxes_outside='ignore',  # nobody looks at boxes
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader
# the public code looks at the loss only
val_evaluator = dict(type='MultiLabelMetric')
test_evaluator = val_evaluator
