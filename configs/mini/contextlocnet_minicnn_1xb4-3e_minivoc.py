# ContextLocNet on MiniVOC. load_from: the checkpoint of classifier_minicnn_*_minivoc.py
_base_ = [
    '../_base_/models/contextlocnet_minicnn.py', '../_base_/datasets/minivoc.py',
    '../_base_/schedules/mini_family_3e.py', '../_base_/default_runtime.py'
]
train_pipeline = [
    dict(type='LoadWeakImage'),
    # 96 proposals, drawn anew in every step: the three rings make each of them three times as expensive
    dict(type='LoadWeakProposals', min_size=20, max_num=96, order='random', on_empty='whole_image'),
    dict(
        type='ProposalBroadcaster',
        transforms=[
            dict(type='InclusiveRandomFlip', prob=0.5),
            dict(type='ShortSideResize', short_sides=[128, 152, 176], max_size=320)
        ]),
    dict(type='PackWeakInputs')
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
load_from = 'work_dirs/classifier_minicnn_1xb16-14e_minivoc/epoch_14.pth'
