# MI-AOD on the small RetinaNet
_base_ = ['retinanet_minicnn.py']
model = dict(type='MIAODDetector', bbox_head=dict(type='MIAODRetinaHead', uncertainty=dict(k=10000)))
