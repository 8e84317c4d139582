# PASCAL VOC 2007, image labels only: trainval for training, test for testing, with the scales and
# flips of the papers. data/VOCdevkit/VOC2007/{Annotations,ImageSets,JPEGImages}; proposals by
# tools/proposals.py (convert or generate).
dataset_type = 'WeakVOCDataset'
data_root = 'data/VOCdevkit/'
train_proposals = 'proposals/voc07_trainval.npz'  # relative to data_root
test_proposals = 'proposals/voc07_test.npz'
short_sides = [480, 576, 688, 864, 1200]
# one view, for validation; the papers' numbers use ../tta/ten_view.py (--tta)
test_short_side = 688
max_size = 2000

train_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='LoadWeakProposals'),
    # flip before resize, as the papers' codes do; without the wrapper the proposals would stay
    # where they are
    dict(type='ProposalBroadcaster', transforms=[
        dict(type='InclusiveRandomFlip', prob=0.5),
        dict(type='ShortSideResize', short_sides=short_sides, max_size=max_size)]),
    dict(type='PackWeakInputs')]
test_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='LoadWeakProposals'),
    dict(type='ProposalBroadcaster', transforms=[
        dict(type='ShortSideResize', short_sides=test_short_side, max_size=max_size)]),
    dict(type='PackWeakInputs')]

train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='AspectRatioBatchSampler'),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='VOC2007/ImageSets/Main/trainval.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
        proposal_file=train_proposals,
        keep_background=False,  # the papers drop images whose objects are all difficult
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='VOC2007/ImageSets/Main/test.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
        proposal_file=test_proposals,
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader
# CorLoc is reported on trainval: give tools/test.py
# --cfg-options test_dataloader.dataset.ann_file=VOC2007/ImageSets/Main/trainval.txt
#               test_dataloader.dataset.proposal_file=proposals/voc07_trainval.npz

val_evaluator = dict(type='WeakVOCMetric')
test_evaluator = val_evaluator
