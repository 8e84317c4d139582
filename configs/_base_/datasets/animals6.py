# Real photographs in VOC layout, six animal classes, long side 320 px: a subset of VOC 2012. Not part of this project:
# put (or link) it at data_root, and make the proposals with
# python tools/proposals.py generate --images data/voc2012_animals/VOC2007/JPEGImages \
#     --out data/voc2012_animals/proposals.npz --long-side 256 --min-side 16
dataset_type = 'WeakVOCDataset'
data_root = 'data/voc2012_animals/'
proposal_file = 'proposals.npz'  # relative to data_root; one file for all splits
classes = ('cat', 'cow', 'dog', 'horse', 'person', 'sheep')
metainfo = dict(classes=classes)
min_box = 24  # shortest side of a proposal, pixels of the original image
max_proposals = 300

train_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='LoadWeakProposals', min_size=min_box, max_num=max_proposals, on_empty='whole_image'),
    dict(
        type='ProposalBroadcaster',
        transforms=[
            dict(type='InclusiveRandomFlip', prob=0.5),
            dict(type='ShortSideResize', short_sides=[136, 160, 184], max_size=360)
        ]),
    dict(type='PackWeakInputs')
]
test_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='LoadWeakProposals', min_size=min_box, max_num=max_proposals, on_empty='whole_image'),
    dict(
        type='ProposalBroadcaster',
        transforms=[dict(type='ShortSideResize', short_sides=160, max_size=360)]),
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
        unknown='ignore',  # objects of the other VOC classes
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
        unknown='ignore',  # objects of the other VOC classes
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
        unknown='ignore',  # objects of the other VOC classes
        proposal_file=proposal_file,
        test_mode=True,
        pipeline=test_pipeline))
# CorLoc belongs to trainval: tools/test.py ... --cfg-options
# test_dataloader.dataset.ann_file=VOC2007/ImageSets/Main/trainval.txt

val_evaluator = dict(type='WeakVOCMetric')
test_evaluator = val_evaluator
