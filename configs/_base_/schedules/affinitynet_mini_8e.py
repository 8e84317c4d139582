# AffinityNet on a small body: a head that begins from nothing and a body that is touched lightly
max_epochs = 8
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.01),
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}),
    clip_grad=dict(max_norm=10))
param_scheduler = [
    dict(type='HeldPolyLR', power=0.9, begin=0, end=max_epochs, by_epoch=True, convert_to_iter_based=True)
]
