# MiniVOC for training on several views: two scales of every image with the same random proposals (the flips are made on
# the device)
_base_ = ['minivoc.py']
view_proposals = 100  # drawn anew in every step, the same in all views of an image

train_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='LoadWeakProposals', min_size=20, max_num=view_proposals, order='random', on_empty='whole_image'),
    dict(type='WeakViews', short_sides=[128, 152, 176], num_scales=2, max_size=320),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
