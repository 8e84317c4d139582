# MiniVOC for training on several views: one scale of every image here, and its mirror image made on the device. Two
# views instead of the paper's four, and few proposals, so that a run takes minutes on a CPU.
_base_ = ['minivoc.py']
view_proposals = 64  # drawn anew in every step, the same in all views of an image

train_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='LoadWeakProposals', min_size=20, max_num=view_proposals, order='random', on_empty='whole_image'),
    dict(type='WeakViews', short_sides=[128, 152, 176], num_scales=1, max_size=320),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
