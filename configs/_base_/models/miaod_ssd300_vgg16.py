# MI-AOD on SSD300, as in the public code: f1, f2, f_r and f_mil are one convolution each per level. An image has 8732
# anchors, so the mean of the 10000 most uncertain ones is the mean of all.
_base_ = ['mmdet::_base_/models/ssd300.py']
model = dict(
    _scope_='wsod_mm',  # what comes from another library's file is otherwise looked up there
    type='MIAODDetector',
    bbox_head=dict(
        _scope_='wsod_mm',
        type='MIAODSSDHead',
        num_classes=20,
        anchor_generator=dict(basesize_ratio_range=(0.2, 0.9)),  # MMDetection's for VOC
        param_lambda=0.5,
        uncertainty=dict(k=10000)))
