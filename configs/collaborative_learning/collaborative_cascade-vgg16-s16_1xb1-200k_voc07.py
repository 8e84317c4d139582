# The cascade of the paper's ablation (CS_S): a frozen WSDDN teaches a detector of its own. The checkpoint of stage 1 in
# load_from becomes the teacher, and the detector starts from it, too.
_base_ = ['collaborative_vgg16-s16_1xb1-200k_voc07.py']
model = dict(
    teacher=dict(
        type='FastRCNN',
        backbone=dict(type='VGG16', stride=16),
        roi_head=dict(
            type='WeakRoIHead',
            bbox_roi_extractor=dict(
                type='WeakRoIExtractor',
                roi_layer=dict(type='RoIMaxPool', output_size=7, mode='torchvision'),
                out_channels=512,
                featmap_strides=[16]),
            shared_head=dict(type='SharedFC67Head'),
            bbox_head=dict(type='WSDDNHead', in_channels=4096, num_classes=20),
            loss_mil=dict(type='MILBCELoss'))))
