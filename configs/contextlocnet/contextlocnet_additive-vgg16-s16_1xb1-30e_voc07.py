# The additive model of the ContextLocNet paper
_base_ = ['contextlocnet_vgg16-s16_1xb1-30e_voc07.py']
model = dict(roi_head=dict(bbox_head=dict(variant='additive')))
