# For testing only: the strong branch of collaborative_vgg16-s16_1xb1-200k_voc07.py, which needs no proposals
_base_ = ['collaborative_vgg16-s16_1xb1-200k_voc07.py']
model = dict(test_cfg=dict(branch='strong'))
test_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='ShortSideResize', short_sides=600, max_size=1000),
    dict(type='PackWeakInputs')]
val_dataloader = dict(dataset=dict(proposal_file=None, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = [dict(type='WeakVOCMetric')]
test_evaluator = val_evaluator
