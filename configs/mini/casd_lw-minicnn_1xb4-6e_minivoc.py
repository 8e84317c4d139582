# + layer-wise distillation; the first of the four maps comes from a frozen stage
_base_ = ['casd_base-minicnn_1xb4-6e_minivoc.py']
model = dict(
    backbone=dict(out_indices=(1, 2, 3, 4)),
    roi_head=dict(layer_wise=dict(type='LayerWiseLoss', strides=(4, 8, 8, 8), output_size=4, loss_weight=0.1)))
