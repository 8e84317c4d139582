# CAM as a weak detector: the classifier of classifier_minicnn_*.py with boxes, mAP and CorLoc beside WSDDN's and OICR's
_base_ = ['classifier_minicnn_1xb16-14e_minivoc.py']
model = dict(
    _delete_=True,
    type='CAMLocalizer',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[114.0, 114.0, 114.0],
        std=[58.0, 58.0, 58.0],
        bgr_to_rgb=False,
        pad_size_divisor=8),
    backbone=dict(type='MiniCNN', frozen_stages=-1),
    cam_head=dict(type='CAMHead', num_classes=6, in_channels=128, feature='conv_gap', loss='bce'),
    # all classes get boxes: mAP wants a ranking of all images
    test_cfg=dict(cam_class='all_above:0.0', box_preset='cvpr16', top1_instances=True))
val_evaluator = [dict(type='WeakVOCMetric'), dict(type='MultiLabelMetric')]
test_evaluator = val_evaluator
