# The same with the paper's loss: every RoI is compared with every proposal that overlaps it
_base_ = ['collaborative_vgg16-s16_1xb1-200k_voc07.py']
model = dict(consistency='pairwise')
