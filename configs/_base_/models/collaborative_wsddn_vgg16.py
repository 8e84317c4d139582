# Stage 1 of Collaborative Learning: its weak branch alone. Pooling and initial weights are those of stage 2.
_base_ = ['wsddn_vgg16.py']
model = dict(
    backbone=dict(stride=16),
    roi_head=dict(
        bbox_roi_extractor=dict(roi_layer=dict(mode='torchvision'), featmap_strides=[16]),
        bbox_head=dict(det_std=0.001),
        loss_mil=dict(eps=0.0)))
