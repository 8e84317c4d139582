# The blog as it is: its schedule (lr below 1e-5 after 18 of 150 epochs), its view with the sides cut off, its map drawn
# over the whole image. cam_r18_1xb32-30e_imagefolder.py is the one to use.
_base_ = ['cam_r18_1xb32-30e_imagefolder.py']
model = dict(test_cfg=dict(cam_class='pred', placement='stretch', box_preset='blog'))
train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='RandomResizedCrop', size=224),
    dict(type='InclusiveRandomFlip', prob=0.5),
    dict(type='Rotate', prob=1.0, min_mag=0.0, max_mag=10.0, reversal_prob=0.5, img_border_value=0),
    dict(type='PackWeakInputs')
]
test_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='ClassifierResize', size=224),
    dict(type='TracedCenterCrop', size=224),
    dict(type='PackWeakInputs')
]
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
val_dataloader = dict(dataset=dict(dataset=dict(pipeline=test_pipeline)))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=150, val_interval=4)
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=0.0))
param_scheduler = [dict(type='StepLR', step_size=6, gamma=0.1, by_epoch=True)]
randomness = dict(seed=125, deterministic=True)
