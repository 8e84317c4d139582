# The same with the image-wise loss of branch master, as if its flag stayed on
_base_ = ['casd_code-vgg16-s16_1xb1-100k_voc07.py']
model = dict(
    roi_head=dict(
        image_wise=dict(type='ImageWiseLoss', mode='code_master', loss_weight=0.1, start_iter=45000)))
