# The same with the head of WSDDN instead of contrastive-S
_base_ = ['casd_code-vgg16-s16_1xb1-100k_voc07.py']
model = dict(
    roi_head=dict(
        bbox_head=dict(_delete_=True, type='WSDDNHead', in_channels=4096, num_classes=20),
        loss_mil=dict(_delete_=True, type='MILBCELoss')))
