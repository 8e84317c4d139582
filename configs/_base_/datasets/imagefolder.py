# One folder per class (classes are the folders' names, sorted); a fifth of the images for validation
dataset_type = 'WeakFolderDataset'
data_root = 'data/images/'
seed = 125

train_pipeline = [
    dict(type='LoadRGBImage', apply_exif=True),
    dict(type='RandomResizedCrop', size=224),
    dict(type='InclusiveRandomFlip', prob=0.5),
    dict(type='PackWeakInputs')
]
# the whole image in its own shape: maps and boxes have it too
test_pipeline = [
    dict(type='LoadRGBImage', apply_exif=True),
    dict(type='ClassifierResize', size=224),
    dict(type='PackWeakInputs')
]
train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ImageSubset',
        share=(0.0, 0.8),
        seed=seed,
        dataset=dict(type=dataset_type, data_root=data_root, id_from='path', pipeline=train_pipeline)))
val_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ImageSubset',
        share=(0.8, 1.0),
        seed=seed,
        dataset=dict(type=dataset_type, data_root=data_root, id_from='path', test_mode=True, pipeline=test_pipeline)))
test_dataloader = val_dataloader

val_evaluator = dict(type='ClsAccuracy')
test_evaluator = val_evaluator
