# VOC07 for training on several views, as CASD does: two of five scales of every image with the same random proposals
# (the flips are made on the device)
_base_ = ['voc07_weak.py']

train_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='LoadWeakProposals', min_size=20, min_size_rule='casd', max_num=1000, order='random'),
    dict(type='WeakViews', short_sides=[480, 576, 688, 864, 1200], num_scales=2, max_size=2000),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
