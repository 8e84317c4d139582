# MI-AOD's training with images chosen at random
_base_ = ['miaod_retinanet-minicnn_1xb4-13e_minivoc.py']
active_learning = dict(strategy=dict(_delete_=True, type='RandomStrategy'))
