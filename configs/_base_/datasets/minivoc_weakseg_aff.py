# AffinityNet on trainval of MiniVOC, whose images have sides of 120 to 200 pixels
dataset_type = 'WeakVOCDataset'
data_root = 'data/minivoc/'

train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='LoadSoftLabels', folder='work_dirs/weakseg_minicnn_minivoc/crf_labels/maps'),
    dict(type='ColorJitter', brightness=0.2, contrast=0.2, saturation=0.2, hue=0.02),
    dict(type='ContainerCrop', crop_size=160, fill=0),
    dict(type='RandomMirror', prob=0.5),
    dict(type='SoftLabelsToMap', stride=4),
    dict(type='PackSegInputs')
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
