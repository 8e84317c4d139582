# Contrastive-A of the ContextLocNet paper: the box against its context, without the frame
_base_ = ['contextlocnet_vgg16-s16_1xb1-30e_voc07.py']
model = dict(roi_head=dict(bbox_head=dict(variant='contrastive_a')))
