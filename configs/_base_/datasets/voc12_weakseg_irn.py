# IRN's boundaries and displacements, on train_aug of PASCAL VOC 2012. After the training, the mean displacement is
# taken over train.
dataset_type = 'WeakVOCDataset'
data_root = 'data/VOCdevkit/'
mean_color = (123.675, 116.28, 103.53)  # RGB, that of the data preprocessor

train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='LoadLabelMap', folder='work_dirs/irn_resnet50_voc12/ir_labels/masks'),
    dict(type='RandomRescale', min_scale=0.5, max_scale=1.5),
    dict(type='RandomMirror', prob=0.5),
    dict(type='ContainerCrop', crop_size=512, fill=mean_color, label_fill=255),
    dict(type='PackSegInputs')
]
mean_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='ContainerCrop', crop_size=512, placement='topleft', fill=mean_color),
    dict(type='PackWeakInputs')
]

train_dataloader = dict(
    batch_size=32,
    num_workers=8,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='VOC2012/ImageSets/Segmentation/train_aug.txt',
        data_prefix=dict(sub_data_root='VOC2012/'),
        difficult='include',
        pipeline=train_pipeline))
mean_dataloader = dict(
    batch_size=32,
    num_workers=8,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='VOC2012/ImageSets/Segmentation/train.txt',
        data_prefix=dict(sub_data_root='VOC2012/'),
        difficult='include',
        pipeline=mean_pipeline))
custom_hooks = [dict(type='MeanShiftHook', dataloader=mean_dataloader)]
