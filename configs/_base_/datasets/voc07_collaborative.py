# VOC07 as in Collaborative Learning: tested at one scale, 600 / 1000 pixels, and both branches are measured. (The weak
# branch mirrors the image by itself.)
_base_ = ['voc07_weak.py']

train_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='LoadWeakProposals'),
    dict(type='ProposalBroadcaster', transforms=[
        dict(type='InclusiveRandomFlip', prob=0.5),
        dict(type='ShortSideResize', short_sides=[480, 576, 688, 864, 1200], max_size=2000)]),
    dict(type='DedupProposals', stride=16),
    dict(type='PackWeakInputs')]
test_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='LoadWeakProposals'),
    dict(type='ProposalBroadcaster', transforms=[
        dict(type='ShortSideResize', short_sides=600, max_size=1000)]),
    dict(type='DedupProposals', stride=16, at_test=True),
    dict(type='PackWeakInputs')]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

# voc/mAP_11pt, ... of the strong branch, weak/mAP_11pt, ... of the weak one
val_evaluator = [dict(type='WeakVOCMetric'), dict(type='WeakVOCMetric', branch='weak')]
test_evaluator = val_evaluator
