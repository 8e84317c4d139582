# + image-wise distillation with Inverted Attention
_base_ = ['casd_base-vgg16-s16_1xb1-100k_voc07.py']
model = dict(
    roi_head=dict(
        inverted_attention=dict(type='InvertedAttention'),
        image_wise=dict(type='ImageWiseLoss', mode='paper', loss_weight=0.1)))
