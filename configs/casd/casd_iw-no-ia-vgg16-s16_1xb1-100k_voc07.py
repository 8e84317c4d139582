# + image-wise distillation, without Inverted Attention
_base_ = ['casd_base-vgg16-s16_1xb1-100k_voc07.py']
model = dict(
    roi_head=dict(
        image_wise=dict(type='ImageWiseLoss', mode='paper', loss_weight=0.1)))
