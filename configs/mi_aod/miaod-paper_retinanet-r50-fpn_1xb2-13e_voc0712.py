# MI-AOD as the paper describes it (read in descriptions of it, not in the paper): "max" before "min", other parts
# frozen, instances weighted per class over the whole image, selection by the absolute difference. No published number
# is its own.
_base_ = ['miaod_retinanet-r50-fpn_1xb2-13e_voc0712.py']
model = dict(
    trainable=dict(min=('g', 'f_mil'), max=('f1', 'f2', 'f_r', 'f_mil')),
    bbox_head=dict(
        mil_weight='per_class',
        image_loss_in_max=True,
        pseudo_strict=True,
        det_cls_reduction='sum',
        class_reduction='sum',
        loss_bbox=dict(_delete_=True, type='SmoothL1Loss', beta=1.0, loss_weight=1.0),
        uncertainty=dict(distance='l1')))
train_cfg = dict(order='max_min')
optim_wrapper = dict(optimizer=dict(weight_decay=1e-4))
param_scheduler = [dict(type='MultiStepLR', milestones=[10], gamma=0.1, by_epoch=True)]
