# IRN on ResNet-50, all steps: python tools/weak_seg.py configs/irn/irn_resnet50_voc12.py
_base_ = ['../_base_/datasets/voc12_weakseg.py']
weak_seg = dict(
    classifier='irn-cls_resnet50_1xb16-5e_voc12.py',
    cam=dict(
        scales=(1.0, 0.5, 1.5, 2.0),
        mirror=True,
        merge='strided',
        background=0.15,
        thresholds=(0, 0.6, 0.05)),
    cam_crf=dict(alpha=16),  # AffinityNet's, for comparison
    crf=dict(
        backend='auto',
        iterations=10,
        gaussian_sigma=3,
        gaussian_weight=3,
        bilateral_sigma=80,
        color_sigma=13,
        bilateral_weight=10),
    affinitynet=None,
    irn=dict(
        config='irn_resnet50_1xb32-3e_voc12.py',
        init='config',  # ImageNet's weights, not the classifier's
        foreground_thr=0.3,
        background_thr=0.05,
        crf=dict(bilateral_sigma=50, color_sigma=5),
        beta=10,
        log_steps=8,
        background=0.25,
        instances=True,
        drop_zero=False))
