# The same with the paper's loss
_base_ = ['collaborative_minicnn_1xb4-3e_minivoc.py']
model = dict(consistency='pairwise')
