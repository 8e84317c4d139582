# MiniVOC: train on trainval, validate on val, test on test. Made by tools/make_minivoc.py and tools/proposals.py;
# `make demo` does it all.
dataset_type = 'WeakVOCDataset'
data_root = 'data/minivoc/'
proposal_file = 'proposals.npz'  # relative to data_root; one file for all splits
classes = ('bear', 'cat', 'goat', 'duck', 'owl', 'parrot')
metainfo = dict(classes=classes)
min_box = 20  # shortest side of a proposal, pixels of the original image
max_proposals = 200

train_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='LoadWeakProposals', min_size=min_box, max_num=max_proposals, on_empty='whole_image'),
    dict(
        type='ProposalBroadcaster',
        transforms=[
            dict(type='InclusiveRandomFlip', prob=0.5),
            dict(type='ShortSideResize', short_sides=[128, 152, 176], max_size=320)
        ]),
    dict(type='PackWeakInputs')
]
test_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='LoadWeakProposals', min_size=min_box, max_num=max_proposals, on_empty='whole_image'),
    dict(
        type='ProposalBroadcaster',
        transforms=[dict(type='ShortSideResize', short_sides=152, max_size=320)]),
    dict(type='PackWeakInputs')
]

train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='VOC2007/ImageSets/Main/trainval.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
        metainfo=metainfo,
        proposal_file=proposal_file,
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='VOC2007/ImageSets/Main/val.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
        metainfo=metainfo,
        proposal_file=proposal_file,
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='VOC2007/ImageSets/Main/test.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
        metainfo=metainfo,
        proposal_file=proposal_file,
        test_mode=True,
        pipeline=test_pipeline))
# CorLoc belongs to trainval: tools/test.py ... --cfg-options
# test_dataloader.dataset.ann_file=VOC2007/ImageSets/Main/trainval.txt

val_evaluator = dict(type='WeakVOCMetric')
test_evaluator = val_evaluator
