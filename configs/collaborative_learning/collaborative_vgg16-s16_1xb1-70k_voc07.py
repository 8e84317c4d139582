# The shorter schedule that users of the public code run (issue 17 there: 45.8 mAP)
_base_ = ['collaborative_vgg16-s16_1xb1-200k_voc07.py']
train_cfg = dict(max_iters=70000, val_interval=10000)
