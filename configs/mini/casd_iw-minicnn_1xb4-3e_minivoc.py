# + image-wise distillation, without Inverted Attention
_base_ = ['casd_base-minicnn_1xb4-3e_minivoc.py']
model = dict(roi_head=dict(image_wise=dict(type='ImageWiseLoss', mode='paper', loss_weight=1.0)))
