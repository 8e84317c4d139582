# IRN on trainval of MiniVOC, whose images have sides of 120 to 200 pixels
dataset_type = 'WeakVOCDataset'
data_root = 'data/minivoc/'
mean_color = 114  # grey, that of the data preprocessor

train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='LoadLabelMap', folder='work_dirs/weakseg_minicnn_minivoc/ir_labels/masks'),
    dict(type='RandomRescale', min_scale=0.75, max_scale=1.25),
    dict(type='RandomMirror', prob=0.5),
    dict(type='ContainerCrop', crop_size=160, fill=mean_color, label_fill=255),
    dict(type='PackSegInputs')
]
mean_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='ContainerCrop', crop_size=160, placement='topleft', fill=mean_color),
    dict(type='PackWeakInputs')
]

train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='VOC2007/ImageSets/Segmentation/trainval.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
        metainfo=dict(classes=('bear', 'cat', 'goat', 'duck', 'owl', 'parrot')),
        difficult='include',
        pipeline=train_pipeline))
mean_dataloader = dict(
    batch_size=8,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='VOC2007/ImageSets/Segmentation/trainval.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
        metainfo=dict(classes=('bear', 'cat', 'goat', 'duck', 'owl', 'parrot')),
        difficult='include',
        pipeline=mean_pipeline))
custom_hooks = [dict(type='MeanShiftHook', dataloader=mean_dataloader)]
