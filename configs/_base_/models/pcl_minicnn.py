# PCL on the small body: OICR with several centres per class and a loss per cluster
_base_ = ['oicr_minicnn.py']
model = dict(
    roi_head=dict(
        miner=dict(_delete_=True, type='PCLMiner'),
        loss_refine=dict(_delete_=True, type='PCLLoss', fg_iou=0.5, ignore_iou=0.0)))
