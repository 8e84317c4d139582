"""Convert a local file of ImageNet weights, or of published ones, for our models.

Examples:
    python tools/convert_weights.py vgg16-caffe vgg16-00b39a1b.pth vgg16_caffe.pth
    python tools/convert_weights.py vgg16-torchvision vgg16-397923af.pth vgg16_bgr.pth --rgb-to-bgr
    python tools/convert_weights.py resnet-torchvision resnet50.pth r50.pth --layer4 backbone
    python tools/convert_weights.py vgg16-20m vgg16_20M.caffemodel vgg16_20m.pth
    python tools/convert_weights.py resnet38-mxnet ilsvrc-cls_rna-a1_cls1000_ep-0001.params resnet38.pth
    python tools/convert_weights.py psa-resnet38 res38_cls.pth psa_res38_cls.pth
    python tools/convert_weights.py irn-resnet50 res50_irn.pth irn_r50.pth
    python tools/convert_weights.py cam-blog "epoch 28.pth" cam_r18_blog.pth
    python tools/convert_weights.py wsol-resnet50 CUB_resnet50_adl_last_checkpoint.pth.tar adl_r50_cub.pth
    python tools/convert_weights.py wsol-vgg16 OpenImages_vgg16_cam_last_checkpoint.pth.tar cam_vgg16_openimages.pth
    python tools/convert_weights.py collaborative vgg16_faster_rcnn_iter_200000.pth cl_vgg16.pth --num-classes 20
    python tools/convert_weights.py collaborative-export iter_200000.pth vgg16_faster_rcnn_iter_200000.pth
"""

import argparse
import sys

from wsod_mm.utils.checkpoint_io import CheckpointError
from wsod_mm.utils.weights import CONVERSIONS, WeightConversionError, convert_weights


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Command line of this tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='kind', required=True, metavar='KIND')
    for kind in CONVERSIONS:
        command = commands.add_parser(kind, help=f'convert weights of {kind}')
        command.add_argument('source', help='file to read')
        command.add_argument('target', help='file to write; for load_from or init_cfg')
        if not kind.startswith('collaborative'):
            command.add_argument(
                '--rgb-to-bgr',
                action='store_true',
                help='reverse the input channels of the first convolution',
            )
        if kind == 'collaborative':
            command.add_argument(
                '--num-classes', type=int, help='classes of your model; heads of the file that do not fit are left out'
            )
        if kind.startswith('resnet-'):
            command.add_argument(
                '--layer4',
                choices=('shared_head', 'backbone'),
                default='shared_head',
                help='where the last stage goes (default: %(default)s)',
            )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Convert, and say what was done."""
    options = vars(parse_args(argv))
    source, target = options['source'], options['target']
    try:
        result = convert_weights(**options)
    except (CheckpointError, FileNotFoundError, WeightConversionError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(f'{source} -> {target}: {len(result.state_dict)} tensors')
    if result.dropped:
        print(f'dropped: {", ".join(result.dropped)}')
    for note in result.notes:
        print(f'note: {note}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
