# AffinityNet on ResNet38, all steps: python tools/weak_seg.py configs/affinitynet/affinitynet_resnet38_voc12.py
_base_ = ['affinitynet_vgg16_voc12.py']
weak_seg = dict(
    classifier='affinitynet-cls_resnet38_1xb16-15e_voc12.py',
    affinitynet=dict(config='affinitynet-aff_resnet38_1xb8-8e_voc12.py'))
