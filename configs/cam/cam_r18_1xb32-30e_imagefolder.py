# A classifier with boxes for a folder of one's own: images in data/images/<class>/. Give model.cam_head.num_classes.
_base_ = ['../_base_/models/cam_r18.py', '../_base_/datasets/imagefolder.py', '../_base_/default_runtime.py']
max_epochs = 30
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=max_epochs, by_epoch=True, convert_to_iter_based=True)]
default_hooks = dict(checkpoint=dict(interval=4, save_best='accuracy/top1'))
# made by: python tools/convert_weights.py resnet-torchvision resnet18-f37072fd.pth weights/resnet18.pth \
#     --layer4 backbone
load_from = 'weights/resnet18.pth'
