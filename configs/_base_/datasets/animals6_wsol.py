# Images of animals6 with exactly one class, as the WSOL methods and metrics were made for, at one size
_base_ = ['animals6.py']
data_root = 'data/voc2012_animals/'
train_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='ClassifierResize', size=(184, 184)),
    dict(type='RandomCrop', crop_size=(160, 160)),
    dict(type='InclusiveRandomFlip', prob=0.5),
    dict(type='PackWeakInputs')
]
test_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='ClassifierResize', size=(160, 160)),
    dict(type='PackWeakInputs')
]
mask_classes = (
    'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow', 'diningtable', 'dog',
    'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor')
images = dict(
    type='WeakVOCDataset',
    data_root=data_root,
    ann_file='VOC2007/ImageSets/Main/trainval.txt',
    data_prefix=dict(sub_data_root='VOC2007/'),
    metainfo=dict(classes=('cat', 'cow', 'dog', 'horse', 'person', 'sheep')),
    unknown='ignore')
train_dataloader = dict(
    batch_size=16,
    drop_last=True,
    dataset=dict(
        _delete_=True, type='ImageSubset', single_label=True, dataset=dict(images, pipeline=train_pipeline)))
val_dataloader = dict(
    batch_size=16,
    dataset=dict(
        _delete_=True,
        type='ImageSubset',
        single_label=True,
        dataset=dict(
            images, ann_file='VOC2007/ImageSets/Main/val.txt', test_mode=True, pipeline=test_pipeline)))
test_dataloader = dict(
    batch_size=16,
    dataset=dict(
        _delete_=True,
        type='ImageSubset',
        single_label=True,
        dataset=dict(
            images, ann_file='VOC2007/ImageSets/Main/test.txt', test_mode=True, pipeline=test_pipeline)))
val_evaluator = [
    dict(type='MaxBoxAccMetric', version=2),
    dict(type='PxAPMetric', label_dir=data_root + 'VOC2007/SegmentationClass', label_classes=mask_classes),
    dict(type='LocAccuracy', topk=(1,)),
    dict(type='ClsAccuracy')
]
test_evaluator = val_evaluator
