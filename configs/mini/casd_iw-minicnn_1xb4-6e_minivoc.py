# + image-wise distillation, without Inverted Attention
_base_ = ['casd_base-minicnn_1xb4-6e_minivoc.py']
model = dict(roi_head=dict(image_wise=dict(type='ImageWiseLoss', mode='paper', loss_weight=0.1)))
