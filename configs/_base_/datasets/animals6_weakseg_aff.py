# AffinityNet on trainval of animals6, whose images have long sides of 320 pixels
_base_ = ['minivoc_weakseg_aff.py']
data_root = 'data/voc2012_animals/'

train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='LoadSoftLabels', folder='work_dirs/weakseg_minicnn_animals6/crf_labels/maps'),
    dict(type='ColorJitter', brightness=0.3, contrast=0.3, saturation=0.3, hue=0.1),
    dict(type='ContainerCrop', crop_size=288, fill=0),
    dict(type='RandomMirror', prob=0.5),
    dict(type='SoftLabelsToMap', stride=8),
    dict(type='PackSegInputs')
]

train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=dict(classes=('cat', 'cow', 'dog', 'horse', 'person', 'sheep')),
        unknown='ignore',  # objects of the other VOC classes
        pipeline=train_pipeline))
