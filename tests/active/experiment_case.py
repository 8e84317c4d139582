"""Folders of made-up experiments, as the runner leaves them, and a pool of small pictures."""

import numpy as np
from PIL import Image

from wsod_mm.utils.io import write_json

N = 60
CLASSES = ('cat', 'dog', 'a <b> & "c"')


class PicturePool:
    """Image i has i % 3 + 1 objects of class i % 3."""

    metainfo = {'classes': CLASSES}

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.names = [f'{i:06d}' for i in range(N)]
        self.paths = [folder / f'{i:06d}.jpg' for i in range(N)]
        for i, path in enumerate(self.paths):
            x, y = np.meshgrid(np.linspace(0, 1, 48), np.linspace(0, 1, 36))
            pixels = np.stack([x * 255, y * 255, np.full_like(x, 4 * i)], axis=2)
            Image.fromarray(pixels.astype(np.uint8)).save(path)

    def __len__(self):
        return N

    def record(self, i, labeled):
        assert not labeled
        if not self.paths[i].is_file():
            raise FileNotFoundError(f'no image file {self.paths[i]}')
        return {'img_path': str(self.paths[i])}

    def instances(self, i):
        return [{'bbox_label': i % 3, 'ignore_flag': 0}] * (i % 3 + 1)


def write_experiment(folder, strategy, seed, finished, cycles=5, gain=1.0):
    """An experiment with ``finished`` of ``cycles`` cycles: 6 labeled images, and 6 more each time."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(N)
    folder.mkdir(parents=True)
    results = []
    for cycle in range(min(finished + 1, cycles)):
        labeled = np.sort(order[: 6 * (cycle + 1)])
        np.save(folder / f'X_L_{cycle}.npy', labeled)
        if cycle == finished:
            break
        value = 0.30 + 0.45 * (1 - np.exp(-gain * (cycle + 0.4))) + rng.normal(0, 0.012)
        results.append(
            {
                'cycle': cycle,
                'n_labeled': len(labeled),
                'metrics': {'pascal_voc/mAP': value, 'pascal_voc/AP50': value + 0.01, 'lost': None, 'ap': [1.0]},
                'checkpoint': f'cycle{cycle}/epoch_13.pth',
            }
        )
        scores = np.full(N, np.nan, np.float32)
        rest = order[6 * (cycle + 1) :]
        scores[rest] = np.linspace(0.02, 0.001, len(rest))
        (folder / f'cycle{cycle}').mkdir()
        np.save(folder / f'cycle{cycle}' / f'uncertainty_{cycle}.npy', scores)
        names = ''.join(f'{i:06d}\n' for i in rest[:6])
        (folder / f'cycle{cycle}' / f'selected_{cycle}.txt').write_text(names)
    done = finished == cycles
    state = {
        'version': 1,
        'seed': seed,
        'strategy': strategy,
        'n_images': N,
        'cycle': cycles - 1 if done else finished,
        'phase': 'done' if done else 'train',
        'cycles': results,
    }
    write_json(state, folder / 'al_state.json')
    return folder
