# Stage 1: the solver of stage 2 for 50k iterations. The authors never said; file names left in their code suggest it.
_base_ = ['collaborative_200k.py']
param_scheduler = [dict(type='MultiStepLR', milestones=[40000], gamma=0.1, by_epoch=False)]
train_cfg = dict(max_iters=50000, val_interval=10000)
