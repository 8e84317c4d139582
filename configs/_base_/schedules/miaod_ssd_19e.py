# A cycle of MI-AOD on SSD as in the public code: "label" stages of 5 epochs, the learning rate drops after the first
# epoch of the last one, and every stage begins with a warm-up
_base_ = ['miaod_13e.py']
train_cfg = dict(epoch_ratio=[5, 1], warmup=dict(iters=500, start_factor=0.001))
param_scheduler = [dict(type='MultiStepLR', milestones=[15], gamma=0.1, by_epoch=True)]
auto_scale_lr = dict(enable=False, base_batch_size=8)
