# Baseline on MiniVOC: images whose anchors have the largest entropy
_base_ = ['random_retinanet-minicnn_1xb4-13e_minivoc.py']
active_learning = dict(strategy=dict(_delete_=True, type='EntropyStrategy'))
