# The same with the RPN's weights as the public code mixes them up: how the published numbers were made
_base_ = ['collaborative_vgg16-s16_1xb1-200k_voc12.py']
model = dict(rpn_weight_order='reference')
