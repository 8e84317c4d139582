# Baseline: a plain RetinaNet, images whose anchors have the smallest margin between two outcomes
_base_ = ['random_retinanet-r50-fpn_1xb2-13e_voc0712.py']
active_learning = dict(strategy=dict(_delete_=True, type='MarginStrategy'))
