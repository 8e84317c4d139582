# + layer-wise distillation
_base_ = ['casd_base-vgg16-s16_1xb1-100k_voc07.py']
model = dict(
    backbone=dict(out_blocks=(2, 3, 4, 5)),
    roi_head=dict(
        layer_wise=dict(type='LayerWiseLoss', strides=(2, 4, 8, 16), loss_weight=0.1)))
