# IRN, step 1: larger images and crops, no change of colours
_base_ = ['voc12_weakseg_cls_resnet38.py']
mean_color = (123.675, 116.28, 103.53)  # RGB

train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='RandomResizeLong', min_long=320, max_long=640),
    dict(type='RandomMirror', prob=0.5),
    dict(type='ContainerCrop', crop_size=512, fill=mean_color),
    dict(type='PackWeakInputs')
]
test_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='ContainerCrop', crop_size=512, placement='topleft', fill=mean_color),
    dict(type='PackWeakInputs')
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
