# The same with the RPN's weights as the public code mixes them up
_base_ = ['collaborative_minicnn_1xb4-3e_minivoc.py']
model = dict(rpn_weight_order='reference')
