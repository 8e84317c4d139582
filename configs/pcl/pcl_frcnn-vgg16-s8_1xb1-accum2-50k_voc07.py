# PCL with the Fast R-CNN branch of its PyTorch code
_base_ = ['pcl_vgg16-s8_1xb1-accum2-50k_voc07.py']
model = dict(
    roi_head=dict(
        fast_rcnn=dict(
            head=dict(type='FastRCNNBranch', in_channels=4096, num_classes=20),
            miner=dict(type='Top1Miner'),
            loss_cls=dict(type='OICRLoss', fg_iou=0.5, ignore_iou=0.1),
            loss_bbox=dict(type='FastRCNNBBoxLoss'))))
