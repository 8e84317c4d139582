# IRN on a small body, trained as AffinityNet is
_base_ = ['affinitynet_mini_8e.py']
max_epochs = 6
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
param_scheduler = [
    dict(type='HeldPolyLR', power=0.9, begin=0, end=max_epochs, by_epoch=True, convert_to_iter_based=True)
]
