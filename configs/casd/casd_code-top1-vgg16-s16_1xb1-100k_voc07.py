# The same with one seed per class (OICR) instead of PCL's centres
_base_ = ['casd_code-vgg16-s16_1xb1-100k_voc07.py']
model = dict(
    roi_head=dict(
        miner=dict(_delete_=True, type='Top1Miner')))
