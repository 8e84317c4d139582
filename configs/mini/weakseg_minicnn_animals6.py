# Masks from image labels on real photographs: python tools/weak_seg.py configs/mini/weakseg_minicnn_animals6.py
# Not tuned: see weakseg_minicnn_minivoc.py; images have 320 pixels here.
_base_ = ['../_base_/datasets/animals6_weakseg.py']
weak_seg = dict(
    classifier='classifier_minicnn_1xb16-30e_animals6.py',
    cam=dict(
        scales=(0.67, 0.5, 0.85),  # short sides of 112 to 208 in training, 240 here
        mirror=True,
        merge='strided',
        multiple=8,  # stride of the body
        background=0.2,
        thresholds=(0, 0.6, 0.05)),
    cam_crf=dict(alpha=16),
    crf=dict(
        backend='auto',
        iterations=10,
        gaussian_sigma=3,
        gaussian_weight=3,
        bilateral_sigma=50,
        color_sigma=13,
        bilateral_weight=10),
    affinitynet=dict(
        config='affinitynet-aff_minicnn_1xb8-8e_animals6.py',
        init='classifier',
        low_alpha=4,
        high_alpha=32,
        alpha=16,
        beta=8,
        log_steps=7,
        border='full',
        final_crf=False),
    irn=dict(
        config='irn_minicnn_1xb8-6e_animals6.py',
        init='classifier',
        foreground_thr=0.3,
        background_thr=0.05,
        crf=dict(bilateral_sigma=32, color_sigma=5),
        beta=10,
        log_steps=7,
        background=0.25,
        instances=True,
        drop_zero=False))
