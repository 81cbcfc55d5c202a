"""Networks, inputs and what plain libtorch makes of them, for test_fuse.c.

    /usr/bin/python3 tests/real/reference_networks.py FOLDER [MODELS]

Small networks of every shape that is rewritten for oneDNN or must be left alone, and those of the
built models in MODELS. Writes FOLDER/index: a line per input with the archive, the part ("-" for the
whole), the input's four sizes, how many numbers come out, and the files of both. Exit status 77
without torch.
"""
import os
import sys

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)


def conv(before, after, size=3, **options):
    return nn.Conv2d(before, after, size, **{"padding": size // 2, **options})


class Residual(nn.Module):
    """What is added is needed again afterwards, and so is the input."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d = conv(3, 16), conv(16, 16), conv(16, 16), conv(16, 7)

    def forward(self, x):
        x = F.relu(self.a(x))
        y = F.relu(self.c(F.relu(self.b(x))) + x)
        z = self.c(y) + x
        return self.d(z + y + self.b(x)).flatten(1)


class OddChannels(nn.Module):
    """Channels that do not fill a block; no bias; strides and paddings that differ."""

    def __init__(self):
        super().__init__()
        self.a = conv(3, 5, bias=False, stride=(2, 1), padding=(0, 2))
        self.b, self.c = conv(5, 5, 1, bias=False), conv(5, 11, 5, groups=1)
        self.grouped, self.deep = conv(11, 22, groups=11), conv(22, 22, groups=22)

    def forward(self, x):
        x = self.a(x)
        x = self.c(F.relu(self.b(x) + x))
        return F.relu(self.deep(self.grouped(x)) + self.grouped(x)).flatten(1)


class TwoConvolutions(nn.Module):
    """Either could take the sum; what is added is what is read; one value is added to itself."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = conv(3, 16), conv(3, 16), conv(16, 16)

    def forward(self, x):
        y = self.a(x) + self.b(x)
        y = self.c(y) + self.c(y)
        y = self.c(y) + y
        return F.relu(y + y).flatten(1)


class Broadcast(nn.Module):
    """Sums of two sizes: one number for each channel."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = conv(3, 16), conv(16, 16, 1), conv(16, 16)

    def forward(self, x):
        x = self.a(x)
        mean = self.b(x.mean((2, 3), keepdim=True))
        return (F.relu(self.c(x) + mean) + self.b(mean)).flatten(1)


class Pools(nn.Module):
    """Without an average in ceil_mode, which libtorch 1.13 itself gets wrong for oneDNN."""

    def __init__(self):
        super().__init__()
        self.a, self.b = conv(3, 10), conv(10, 10)

    def forward(self, x):
        x = self.a(x)
        x = F.relu(F.max_pool2d(x, 3, 2, ceil_mode=True))
        y = F.avg_pool2d(self.b(x), 2, 1)
        y = F.max_pool2d(y, 2, 2, 1, ceil_mode=True)
        z = F.avg_pool2d(y, 3, 2, 1, count_include_pad=False)
        z = F.avg_pool2d(z, (1, 2), 1, (0, 1))
        return F.max_pool2d(self.b(z), 1, 2).flatten(1)


class Slopes(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = conv(3, 28), conv(28, 28), conv(28, 4, 1)
        self.each, self.all = nn.PReLU(28), nn.PReLU()
        with torch.no_grad():
            self.each.weight.uniform_(-1, 1)

    def forward(self, x):
        x = self.each(self.a(x))
        return self.c(self.all(self.b(x)) + x).flatten(1)


class Interrupted(nn.Module):
    """Operations that are left to libtorch, between those that are not; several outputs."""

    def __init__(self):
        super().__init__()
        self.a, self.b = conv(3, 16), conv(16, 16)
        self.wide, self.gate = conv(16, 16, dilation=2, padding=2), conv(16, 16, 1)

    def forward(self, x):
        x = F.relu(self.a(x))
        y = self.b(x)
        z = y * torch.sigmoid(self.gate(y)) + x
        z = F.relu(self.wide(z)) + 2 * x
        return torch.cat([self.b(z), y, x], 1).flatten(1)


class Overwrites(nn.Module):
    """In place by the network's own will."""

    def __init__(self):
        super().__init__()
        self.a, self.b = conv(3, 16), conv(16, 16)

    def forward(self, x):
        x = self.a(x)
        y = self.b(x)
        y += x
        x.relu_()
        return (self.b(y) + x).flatten(1)


SMALL = [Residual, OddChannels, TwoConvolutions, Broadcast, Pools, Slopes, Interrupted, Overwrites]
SIZES = [(1, 3, 17, 23), (4, 3, 17, 23), (1, 3, 48, 40), (3, 3, 20, 64)]
BUILT = {"dlib-resnet-v1": [("", (1, 3, 150, 150)), ("", (3, 3, 150, 150))],
         "mobilefacenet": [("", (1, 3, 112, 112)), ("", (5, 3, 112, 112))],
         "mtcnn": [("pnet", (1, 3, 24, 24)), ("pnet", (1, 3, 37, 53)), ("pnet", (2, 3, 91, 120)),
                   ("rnet", (1, 3, 24, 24)), ("rnet", (7, 3, 24, 24)), ("onet", (2, 3, 48, 48))]}


class Index:
    def __init__(self, folder):
        self.folder, self.count = folder, 0
        self.file = open(os.path.join(folder, "index"), "w")

    def add(self, archive, part, network, size):
        given = torch.rand(size) * 2 - 1
        with torch.no_grad():
            made = network(given.clone()).float().contiguous()
        names = [os.path.join(self.folder, f"{self.count}.{kind}") for kind in ("in", "out")]
        for name, tensor in zip(names, (given, made)):
            tensor.numpy().tofile(name)
        print(archive, part or "-", *size, made.numel(), *names, file=self.file)
        self.count += 1


def main(folder, models=None):
    torch.manual_seed(5)
    torch.set_num_threads(1)
    torch.backends.mkldnn.enabled = False
    index = Index(folder)
    for kind in SMALL:
        archive = os.path.join(folder, kind.__name__ + ".pt")
        network = kind().eval()
        torch.jit.script(network).save(archive)
        for size in SIZES:
            index.add(archive, "", network, size)
    for name, inputs in BUILT.items() if models else ():
        archive = os.path.join(models, name + ".pt")
        if not os.path.exists(archive):
            continue
        whole = torch.jit.load(archive).eval()
        for part, size in inputs:
            index.add(archive, part, getattr(whole, part) if part else whole, size)
    index.file.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
