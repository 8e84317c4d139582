# CUB-200-2011 with CUBV2 in wsolevaluation's splits: metadata/ of its repository, and dataset/CUB as its scripts
# prepare it. train has image labels, val (train-fullsup) is for the choice of hyper-parameters, test for numbers.

dataset_type = 'WSOLMetaDataset'
data_root = 'data/wsolevaluation/'

train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='ClassifierResize', size=(256, 256)),
    dict(type='RandomCrop', crop_size=(224, 224)),
    dict(type='InclusiveRandomFlip', prob=0.5),
    dict(type='PackWeakInputs')
]
# the whole image, whatever its shape
test_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='ClassifierResize', size=(224, 224)),
    dict(type='PackWeakInputs')
]

train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='metadata/CUB/train',
        data_prefix=dict(img='dataset/CUB'),
        num_classes=200,
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='metadata/CUB/val',
        data_prefix=dict(img='dataset/CUB'),
        num_classes=200,
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='metadata/CUB/test',
        data_prefix=dict(img='dataset/CUB'),
        num_classes=200,
        test_mode=True,
        pipeline=test_pipeline))

val_evaluator = [
    dict(type='MaxBoxAccMetric', version=2),
    dict(type='LocAccuracy', topk=(1, 5)),
    dict(type='ClsAccuracy', topk=(1, 5))
]
test_evaluator = val_evaluator
