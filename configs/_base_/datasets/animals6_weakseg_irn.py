# IRN on trainval of animals6, whose images have long sides of 320 pixels
_base_ = ['minivoc_weakseg_irn.py']
data_root = 'data/voc2012_animals/'
metainfo = dict(classes=('cat', 'cow', 'dog', 'horse', 'person', 'sheep'))
mean_color = 114  # grey, that of the data preprocessor

train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='LoadLabelMap', folder='work_dirs/weakseg_minicnn_animals6/ir_labels/masks'),
    dict(type='RandomRescale', min_scale=0.75, max_scale=1.25),
    dict(type='RandomMirror', prob=0.5),
    dict(type='ContainerCrop', crop_size=288, fill=mean_color, label_fill=255),
    dict(type='PackSegInputs')
]
mean_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='ContainerCrop', crop_size=320, placement='topleft', fill=mean_color),
    dict(type='PackWeakInputs')
]

train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        unknown='ignore',  # objects of the other VOC classes
        pipeline=train_pipeline))
mean_dataloader = dict(
    batch_size=8,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='WeakVOCDataset',
        data_root=data_root,
        ann_file='VOC2007/ImageSets/Segmentation/trainval.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
        metainfo=metainfo,
        unknown='ignore',
        difficult='include',
        pipeline=mean_pipeline))
custom_hooks = [dict(type='MeanShiftHook', dataloader=mean_dataloader)]
