from torch import nn
import torch
from dataclasses import dataclass
from typing import ClassVar
from symgeom.learning.optimizers import Method

class Bad(nn.Module):
    def __init__(self, **o):
        super().__init__()
        self.a = nn.Linear(64, 10)
    def forward(self, x):
        if x.shape[0] > 1000:
            raise KeyError("too many")
        return self.a(x)

class Worse(nn.Module):
    def __init__(self, **o):
        super().__init__()
        self.a = nn.Linear(64, 10)
    def forward(self, x):
        raise KeyError("never")

class Wrong(nn.Module):
    def __init__(self, **o):
        super().__init__()
        self.a = nn.Linear(63, 10)
    def forward(self, x):
        return self.a(x)

def fails():
    raise KeyError("constructing")

def huge():
    return nn.Linear(64, 10**10)
