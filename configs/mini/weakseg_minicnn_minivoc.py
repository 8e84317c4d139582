# Masks from image labels on MiniVOC, by AffinityNet and by IRN from the CAMs of one classifier:
# python tools/weak_seg.py configs/mini/weakseg_minicnn_minivoc.py
# Not tuned: lengths in pixels and the reach of the walk are the papers' in proportion to the images (160 instead of 500
# pixels; the reach grows with the square root of the steps), scales are those that the classifier was trained on.
_base_ = ['../_base_/datasets/minivoc_weakseg.py']
weak_seg = dict(
    classifier='classifier_minicnn_1xb16-14e_minivoc.py',
    cam=dict(
        scales=(1.0, 0.75, 1.25),
        mirror=True,
        merge='strided',  # IRN's, whose coarse map its walk needs; the fine one is AffinityNet's
        multiple=8,  # stride of the body
        background=0.2,
        thresholds=(0, 0.6, 0.05)),
    cam_crf=dict(alpha=16),
    crf=dict(
        backend='auto',
        iterations=10,
        gaussian_sigma=3,
        gaussian_weight=3,
        bilateral_sigma=25,
        color_sigma=13,
        bilateral_weight=10),
    affinitynet=dict(
        config='affinitynet-aff_minicnn_1xb8-8e_minivoc.py',
        init='classifier',
        low_alpha=4,
        high_alpha=32,
        alpha=16,
        beta=8,
        log_steps=7,
        border='full',
        final_crf=False),
    irn=dict(
        config='irn_minicnn_1xb8-6e_minivoc.py',
        init='classifier',
        foreground_thr=0.3,
        background_thr=0.05,
        crf=dict(bilateral_sigma=16, color_sigma=5),
        beta=10,
        log_steps=5,
        background=0.25,
        instances=True,
        drop_zero=False))
