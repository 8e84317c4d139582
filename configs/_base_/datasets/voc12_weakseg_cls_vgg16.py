# The same with the mean colour of VGG16
_base_ = ['voc12_weakseg_cls_resnet38.py']
mean_color = (122.675, 116.669, 104.008)  # RGB

train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='RandomResizeLong', min_long=256, max_long=512),
    dict(type='RandomMirror', prob=0.5),
    dict(type='ColorJitter', brightness=0.3, contrast=0.3, saturation=0.3, hue=0.1),
    dict(type='ContainerCrop', crop_size=448, fill=mean_color),
    dict(type='PackWeakInputs')
]
test_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='ContainerCrop', crop_size=500, placement='center', fill=mean_color),
    dict(type='PackWeakInputs')
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
