# + layer-wise distillation between the two stages that are trained
_base_ = ['casd_base-minicnn_1xb4-3e_minivoc.py']
model = dict(
    backbone=dict(out_indices=(3, 4)),
    roi_head=dict(layer_wise=dict(type='LayerWiseLoss', strides=(8, 8), output_size=4, loss_weight=2.0)))
