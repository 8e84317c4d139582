# Baseline on MiniVOC: images far from all that are labeled
_base_ = ['random_retinanet-minicnn_1xb4-13e_minivoc.py']
active_learning = dict(strategy=dict(_delete_=True, type='CoreSetStrategy'))
