"""Matrix products of a torch network with their weights laid out once for this processor (oneDNN): torch alone, faster.

torch hands a linear layer in float32 to its general matrix library, and lets a 1 x 1 convolution reorder its weights at
every call. With the weights packed beforehand the same sums took a half (transformers) to two thirds (networks of
convolutions) of the processor time on the machine where this was written. Other processors may gain nothing, so a probe
measures it and compares the vectors before it is used (`core.backbones.engines.select`).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


def possible() -> bool:
    """Whether this torch can pack weights."""
    made = ("_reorder_linear_weight", "_linear_pointwise", "_reorder_convolution_weight", "_convolution_pointwise")
    return torch.backends.mkldnn.is_available() and all(hasattr(torch.ops.mkldnn, name) for name in made)


def pack(module: nn.Module) -> int:
    """Replace linear layers, attention and 1 x 1 convolutions of a network in eval mode, in place.

    Returns:
        how many layers were replaced. Subclasses are left alone: they may do more than their parent.
    """
    count = 0
    for name, child in list(module.named_children()):
        if type(child) is nn.Linear:
            made: nn.Module = PackedLinear(child.weight, child.bias)
        elif type(child) is nn.MultiheadAttention and _plain(child):
            made = PackedAttention(child)
        elif type(child) is nn.Conv2d and child.kernel_size == (1, 1) and not isinstance(child.padding, str):
            made = PackedPointwise(child)
        else:
            count += pack(child)
            continue
        setattr(module, name, made)
        count += 1
    return count


def _plain(attention: nn.MultiheadAttention) -> bool:
    return attention.in_proj_weight is not None and attention.bias_k is None and not attention.add_zero_attn


class PackedLinear(nn.Module):
    """(…, n) float32 → (…, m) float32, as `torch.nn.Linear` with the same weight and bias."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), None)
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)

    @property
    def weight(self) -> torch.Tensor:
        """(m, n) float32, unpacked at every call: some networks read it beside calling the layer."""
        return self._packed.to_dense()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As the layer that it stands for."""
        return torch.ops.mkldnn._linear_pointwise(x, self._packed, self.bias, "none", [], "")


class PackedPointwise(nn.Module):
    """(n, channels, height, width) float32 → the same, as the 1 x 1 `torch.nn.Conv2d` that it is made from."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.bias = convolution.bias
        self._how = (
            list(convolution.padding),
            list(convolution.stride),
            list(convolution.dilation),
            convolution.groups,
        )
        self._packed = torch.ops.mkldnn._reorder_convolution_weight(convolution.weight.detach(), *self._how, None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As the layer that it stands for."""
        return torch.ops.mkldnn._convolution_pointwise(x, self._packed, self.bias, *self._how, "none", [], "")


class PackedAttention(nn.Module):
    """As `torch.nn.MultiheadAttention` when nothing is masked and nobody asks for the attention weights."""

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        self.heads, self.batch_first = attention.num_heads, attention.batch_first
        self.inside = PackedLinear(attention.in_proj_weight, attention.in_proj_bias)
        self.outside = PackedLinear(attention.out_proj.weight, attention.out_proj.bias)

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        key_padding_mask: torch.Tensor | None = None,
        need_weights: bool = True,
        attn_mask: torch.Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[torch.Tensor, None]:
        """(n, length, dim) each (length first unless `batch_first`) → ((n, length, dim), None).

        Raises:
            NotImplementedError: a mask, or the attention weights, are asked for.
        """
        if key_padding_mask is not None or attn_mask is not None or is_causal or need_weights:
            raise NotImplementedError("packed attention knows neither masks nor attention weights")
        projected = self.inside(query)
        q, k, v = projected.chunk(3, -1)
        if key is not query:
            _, k, v = self.inside(key).chunk(3, -1)
        if value is not key:
            _, _, v = self.inside(value).chunk(3, -1)
        found = F.scaled_dot_product_attention(*(self._heads(one) for one in (q, k, v)))
        axes = (0, 2, 1, 3) if self.batch_first else (2, 0, 1, 3)
        return self.outside(found.permute(axes).flatten(2)), None

    def _heads(self, x: torch.Tensor) -> torch.Tensor:
        """→ (n, heads, length, dim / heads)."""
        apart = x.unflatten(-1, (self.heads, -1))
        return apart.permute((0, 2, 1, 3) if self.batch_first else (1, 2, 0, 3))
