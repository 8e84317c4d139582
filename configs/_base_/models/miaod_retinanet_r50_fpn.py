# MI-AOD on RetinaNet, as in the public code: two instance classifiers, a box regressor and a MIL classifier on one FPN
_base_ = ['mmdet::_base_/models/retinanet_r50_fpn.py']
model = dict(
    _scope_='wsod_mm',  # what comes from another library's file is otherwise looked up there
    type='MIAODDetector',
    bbox_head=dict(
        _scope_='wsod_mm',
        type='MIAODRetinaHead',
        num_classes=20,
        param_lambda=0.5,
        uncertainty=dict(k=10000)))
