# + Inverted Attention
_base_ = ['casd_base-minicnn_1xb4-3e_minivoc.py']
model = dict(roi_head=dict(inverted_attention=dict(type='InvertedAttention', switch_iter=270)))
