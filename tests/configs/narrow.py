"""Large detectors made small, for a step of training in a test."""

from mmengine.config import Config

from wsod_mm.utils.walk import each_dict


def narrow(config: Config) -> Config:
    """Let the detectors of Collaborative Learning, and WSDDN, have an eighth of VGG16's channels and few RoIs.

    ResNet-101 becomes ResNet-50, with 2 x 2 bins a RoI.

    Args:
        config: Changed in place.
    """

    def shrink(entry) -> None:
        kind = entry.get('type')
        if kind == 'VGG16':
            entry.width_mult = 1 / 8
        for key, wide, thin in (('in_channels', 512, 64), ('in_channels', 4096, 32), ('out_channels', 512, 64)):
            if entry.get(key) == wide:
                entry[key] = thin
        if kind in ('ResNet', 'SharedRes5Head'):
            entry.depth = 50
        if kind == 'WeakRoIExtractor' and entry.out_channels == 1024:
            entry.roi_layer.output_size = 2
        if kind == 'SharedFC67Head':
            entry.update(in_channels=64, fc_channels=(32, 32))

    each_dict(config.model, shrink)
    if config.model.type == 'CollaborativeRCNN':
        config.model.train_cfg.rcnn.num = 8
        config.model.train_cfg.rpn_proposal.max_per_img = 12
        config.model.test_cfg.rpn.max_per_img = 6
    return config
