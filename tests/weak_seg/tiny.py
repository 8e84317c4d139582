"""A pipeline of seconds: a few small images, odd ones among them, tiny networks, and no processes of its own."""

import io
import shutil
from pathlib import Path

import numpy as np
from mmengine.config import Config
from PIL import Image

from wsod_mm.apis import train
from wsod_mm.datasets.minivoc import SPECIES, MiniVOCConfig, generate_minivoc
from wsod_mm.pipeline.run import StageRun
from wsod_mm.pipeline.status_line import StatusLine
from wsod_mm.utils.label_png import write_label_png
from wsod_mm.weak_seg.config import load_weak_seg_config
from wsod_mm.weak_seg.image_job import ImageJob
from wsod_mm.weak_seg.pipeline import make_pipeline
from wsod_mm.weak_seg.run_images import run_images

CLASSES = tuple(species.name for species in SPECIES)
RUNTIME = Path(__file__).resolve().parents[2] / 'configs' / '_base_' / 'default_runtime.py'
IMAGE_STAGES = ('cam', 'cam_crf', 'crf_labels', 'ir_labels', 'walk', 'sem_seg', 'ins_seg')

_TRAINING = """
_base_ = [{runtime!r}]
data = dict(
    batch_size=4, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='WeakVOCDataset', ann_file='elsewhere.txt', serialize_data=False, pipeline=[
        dict(type='LoadRGBImage'), {load}
        dict(type='ContainerCrop', crop_size=48, fill=100), dict(type='RandomMirror'), {pool}
        dict(type='PackSegInputs')]))
train_dataloader = data
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.05))
default_hooks = dict(logger=dict(interval=1))
preprocessor = dict(type='DetDataPreprocessor', mean=[100.] * 3, std=[60.] * 3, bgr_to_rgb=False)
body = dict(type='MiniCNN', channels=(4, 8, 8, 12, 16))
{rest}
"""
_CLASSIFIER = """
body['norm_eval'] = True
model = dict(
    type='ImageClassifier', data_preprocessor=preprocessor, backbone=body,
    head=dict(type='GAPClsHead', num_classes=6, in_channels=16, bias=False))
"""
_AFFINITY = """
body.update(out_indices=(2, 3, 4), norm_eval=True)
model = dict(
    type='AffinityNet', data_preprocessor=preprocessor, backbone=body,
    head=dict(type='AffinityHead', in_channels=(8, 12, 16), out_channels=(4, 4, 4), radius=3))
"""
_IRN = """
body.update(out_indices=(1, 2, 3, 4), norm_eval=True)
model = dict(
    type='IRNet', data_preprocessor=preprocessor, backbone=body, crop_size=64, size_divisor=8,
    head=dict(
        type='IRNHead', in_channels=(8, 8, 12, 16), strides=(4, 8, 8, 8), edge_channels=4, edge_groups=2,
        disp_channels=(4, 4, 4, 4), disp_groups=(2, 2, 2, 2), fuse_channels=8, fuse_groups=2, radius=4,
        ignore_from=255))
custom_hooks = [dict(type='MeanShiftHook', dataloader=dict(
    batch_size=4, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='WeakVOCDataset', ann_file='elsewhere.txt', serialize_data=False, pipeline=[
        dict(type='LoadRGBImage'), dict(type='ContainerCrop', crop_size=48, placement='topleft', fill=100),
        dict(type='PackWeakInputs')])))]
"""


def make_devkit(root: Path) -> Path:
    """Eight generated images in the lists train and odd; in odd also what real data sets hold."""
    folder = generate_minivoc(root, MiniVOCConfig(num_train=8, num_val=0, num_test=0, side_px=(40, 64)), 1, False)
    lists = folder / 'ImageSets' / 'Segmentation'
    names = (lists / 'train.txt').read_text().split()
    rng = np.random.default_rng(0)

    def add(name: str, height: int, width: int, labels: list[str], mode: str = 'RGB', **save) -> None:
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / 'JPEGImages' / f'{name}.jpg', 'JPEG', **save)
        stored = Image.open(folder / 'JPEGImages' / f'{name}.jpg').size[::-1]
        assert stored == (height, width)
        objects = ''.join(f'<object><name>{label}</name></object>' for label in labels)
        (folder / 'Annotations' / f'{name}.xml').write_text(f'<annotation>{objects}</annotation>')
        truth = np.full((height, width), CLASSES.index(labels[0]) + 1 if labels else 0, np.uint8)
        write_label_png(folder / 'SegmentationClass' / f'{name}.png', truth)
        names.append(name)

    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    add('background', 33, 50, [])
    add('cmyk', 20, 31, ['cat', 'owl'], 'CMYK')
    add('grey', 17, 9, ['bear'], 'L')  # 3 x 2 cells of 8 pixels, less than the radius
    add('large', 70, 150, ['duck'])  # beyond the crop of IRN
    add('pixel', 1, 1, ['goat'])
    add('turned', 24, 40, ['cat'], exif=exif)
    (lists / 'odd.txt').write_text('\n'.join(names))
    (lists / 'train.txt').write_text('\n'.join(names[:9]))
    shutil.copytree(folder / 'SegmentationClass', folder / 'SegmentationObject')  # one object of each class
    return folder


def write_configs(folder: Path, data_root: Path) -> Path:
    """Configs of a pipeline with both methods; the path of the pipeline's."""
    folder.mkdir(exist_ok=True)
    parts = {
        'classifier': ('', '', _CLASSIFIER),
        'affinity': (
            "dict(type='LoadSoftLabels', folder='elsewhere'),",
            "dict(type='SoftLabelsToMap', stride=8),",
            _AFFINITY,
        ),
        'irn': ("dict(type='LoadLabelMap', folder='elsewhere'),", '', _IRN),
    }
    for name, (load, pool, rest) in parts.items():
        text = _TRAINING.format(runtime=str(RUNTIME), load=load, pool=pool, rest=rest)
        (folder / f'{name}.py').write_text(text)
    sets = 'VOC2007/ImageSets/Segmentation'
    (folder / 'pipeline.py').write_text(f"""
weak_seg = dict(
    classifier='classifier.py',
    images=dict(
        type='WeakVOCDataset', data_root={str(data_root)!r}, data_prefix=dict(sub_data_root='VOC2007'),
        metainfo=dict(classes={CLASSES!r})),
    lists=dict(train='{sets}/train.txt', infer='{sets}/odd.txt'),
    ground_truth=dict(folder='VOC2007/SegmentationClass', objects='VOC2007/SegmentationObject'),
    cam=dict(scales=(1.0, 0.5), merge='strided', multiple=8, thresholds=(0, 0.6, 0.2)),
    cam_crf=dict(alpha=16),
    crf=dict(iterations=2, bilateral_sigma=20),
    affinitynet=dict(config='affinity.py', init='classifier', log_steps=3),
    irn=dict(config='irn.py', init='classifier', crf=dict(bilateral_sigma=10, color_sigma=5), log_steps=3))
""")
    return folder / 'pipeline.py'


def patch_commands(monkeypatch) -> list[str]:
    """Let stages run their tools in this process; the list gets what was run."""
    calls: list[str] = []

    def command(self, arguments, *_, **__):
        calls.append(self.name)
        words = list(map(str, arguments))
        if words[0] == '-m':
            run_images(ImageJob.read(Path(words[2])))
        else:
            train.main(words[1:])

    def plain_text(config):  # MMEngine's lays the text out nicely, which takes seconds
        return ''.join(f'{key} = {value!r}\n' for key, value in config.to_dict().items())

    monkeypatch.setattr(StageRun, 'command', command)
    monkeypatch.setattr(Config, 'pretty_text', property(plain_text))
    return calls


def run_tiny(config: Path, root: Path, only=None, **options) -> dict[str, float]:
    """Run the pipeline quietly."""
    loaded = load_weak_seg_config(config, {f'weak_seg.{key}': value for key, value in options.items()})
    pipeline = make_pipeline(loaded, root, 1, 'cpu')
    pipeline.output = StatusLine(io.StringIO())
    return pipeline.run(only)


def contents(folder: Path) -> dict[str, bytes]:
    """What the files below a folder hold, but those of the pipeline itself."""
    own = ('stage.json', 'log.txt', 'job.json')
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob('*'))
        if p.is_file() and p.name not in own
    }
