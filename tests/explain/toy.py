"""Networks small enough for unit tests."""

import torch
from torch import nn


class ToyClassifier(nn.Module):
    """Two convolutions with an in-place ReLU, batch norm and dropout, then pooling and a linear layer."""

    def __init__(self, classes: int = 3, width: int = 6) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, width, 3, stride=2, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
        )
        self.fc = nn.Linear(width, classes)

    def forward(self, x):
        return self.fc(self.features(x).mean((2, 3)))


class ToyTransformer(nn.Module):
    """Patches, a class token and one layer of attention; the class token is classified."""

    def __init__(self, classes: int = 3, width: int = 8, extra: int = 1) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, extra, width)) if extra else None
        self.norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        if self.token is not None:
            tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], dim=1)
        tokens = self.norm(tokens)
        mixed = tokens + self.attention(tokens, tokens, tokens)[0]
        return self.head(mixed[:, 0] if self.token is not None else mixed.mean(1))


def classifier(seed: int = 0, **options) -> ToyClassifier:
    """A toy classifier in training mode."""
    torch.manual_seed(seed)
    return ToyClassifier(**options)


def images(batch: int = 2, size: tuple[int, int] = (16, 20), seed: int = 1) -> torch.Tensor:
    """Random inputs."""
    return torch.randn(batch, 3, *size, generator=torch.Generator().manual_seed(seed))


def hooks(model: nn.Module) -> int:
    """Number of hooks of any kind on a model."""
    return sum(
        len(getattr(module, name))
        for module in model.modules()
        for name in ('_forward_hooks', '_forward_pre_hooks', '_backward_hooks', '_backward_pre_hooks')
    )


def state(model: nn.Module) -> list:
    """What must be as before: modes, flags and gradients."""
    return [m.training for m in model.modules()] + [
        (p.requires_grad, None if p.grad is None else p.grad.numpy().tobytes(), p.detach().numpy().tobytes())
        for p in model.parameters()
    ]
