# AffinityNet, step 3, on train_aug of PASCAL VOC 2012. Nothing is resized. Images are cropped before they are
# normalised, so that what a crop lacks is black (in step 1 it is the mean colour: fill).
dataset_type = 'WeakVOCDataset'
data_root = 'data/VOCdevkit/'

train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='LoadSoftLabels', folder='work_dirs/affinitynet_vgg16_voc12/crf_labels/maps'),
    dict(type='ColorJitter', brightness=0.3, contrast=0.3, saturation=0.3, hue=0.1),
    dict(type='ContainerCrop', crop_size=448, fill=0),
    dict(type='RandomMirror', prob=0.5),
    dict(type='SoftLabelsToMap', stride=8),
    dict(type='PackSegInputs')
]

train_dataloader = dict(
    batch_size=8,
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
