# animals6 for training on several views: one scale of every image here, and its mirror image made on the device. Two
# views instead of the paper's four, and few proposals, so that a run takes minutes on a CPU.
_base_ = ['animals6.py']
view_proposals = 100  # drawn anew in every step, the same in all views of an image

train_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='LoadWeakProposals', min_size=24, max_num=view_proposals, order='random', on_empty='whole_image'),
    dict(type='WeakViews', short_sides=[136, 160, 184], num_scales=1, max_size=360),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
