# PCL: OICR with several centres per class and a loss per cluster
_base_ = ['oicr_vgg16.py']
model = dict(
    roi_head=dict(
        miner=dict(_delete_=True, type='PCLMiner', graph_iou=0.4, max_per_class=5),
        loss_refine=dict(_delete_=True, type='PCLLoss', fg_iou=0.5, ignore_iou=0.1)))
