"""fvcore's FLOP and activation counts, from operators as they run: on the meta device too, where nothing is computed.

The convention: one multiply-add is one FLOP; convolutions and matrix products are counted, normalisations, resizing
and adaptive pooling by fvcore's estimates (`ESTIMATES`); what stands in `FREE` is zero, as it is in fvcore. An operator
in no table is taken apart into its parts; where it has none, its name is kept in `unknown`. What fvcore takes for zero
although it multiplies matrices is counted, and its name kept in `beyond_fvcore`: a convolution with padding="same"
(`_convolution_mode`), attention, baddbmm.
"""

from collections.abc import Callable
from math import prod
from typing import Any

from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode


def _convolution(out: Tensor, images: Tensor, weight: Tensor, *args: Any) -> int:
    transposed = args[4]  # after bias, stride, padding and dilation
    positions = (images if transposed else out).shape[2:]
    return images.shape[0] * weight.numel() * prod(positions)


def _matrix_product(out: Tensor, left: Tensor, right: Tensor) -> int:
    return out.numel() * left.shape[-1]


def _batch_norm(out: Tensor, images: Tensor, weight: Tensor | None, *args: Any) -> int:
    training = args[3]  # after bias and the two running statistics
    if training:
        return images.numel() * (4 if weight is None else 5)
    return images.numel() * (1 if weight is None else 2)


def _instance_norm(out: Tensor, images: Tensor, weight: Tensor | None, *args: Any) -> int:
    return images.numel() * (4 if weight is None else 5)


def _grouped_norm(out: Tensor, images: Tensor, groups: Any, weight: Tensor | None = None, *args: Any) -> int:
    return images.numel() * (4 if weight is None else 5)


PRODUCTS: dict[str, Callable[..., int]] = {  # their outputs are the activations
    "convolution": _convolution,
    "mm": _matrix_product,
    "bmm": _matrix_product,
    "mv": _matrix_product,
    "dot": _matrix_product,
    "addmm": lambda out, bias, left, right, *_: _matrix_product(out, left, right),
    "baddbmm": lambda out, bias, left, right, *_: _matrix_product(out, left, right),
    "addmv": lambda out, bias, left, right, *_: _matrix_product(out, left, right),
}

ESTIMATES: dict[str, Callable[..., int]] = {
    "batch_norm": _batch_norm,
    "instance_norm": _instance_norm,
    "layer_norm": _grouped_norm,
    "group_norm": _grouped_norm,
    "adaptive_avg_pool2d": lambda out, images, *_: images.numel(),
    "upsample_nearest2d": lambda out, *_: out.numel(),
    "upsample_bilinear2d": lambda out, *_: 4 * out.numel(),
    "grid_sampler": lambda out, *_: 4 * out.numel(),
}

UNSEEN_BY_FVCORE = frozenset({"_convolution_mode", "scaled_dot_product_attention", "baddbmm"})

FREE_BY_KIND = {
    "arithmetic": (
        "add sub rsub mul div addcmul addcdiv neg reciprocal pow square sqrt rsqrt abs sign exp expm1 log "
        "log1p log10 sin cos floor ceil round trunc remainder floor_divide fmod lerp maximum minimum clamp "
        "clamp_min clamp_max erf"
    ),
    "activations": (
        "relu leaky_relu _prelu_kernel elu celu gelu silu mish sigmoid hardsigmoid hardswish hardtanh tanh "
        "softplus log_sigmoid_forward threshold rrelu_with_noise glu _softmax _safe_softmax _log_softmax"
    ),
    "statistics": (
        "sum mean prod var std var_mean std_mean amax amin aminmax max min argmax argmin cumsum norm "
        "linalg_vector_norm any all topk sort"
    ),
    "choice": (
        "eq ne lt le gt ge logical_and logical_or logical_not bitwise_and bitwise_or bitwise_not where "
        "masked_fill isnan"
    ),
    "pooling and resizing": (
        "avg_pool2d max_pool2d max_pool2d_with_indices adaptive_max_pool2d upsample_bicubic2d "
        "_upsample_bicubic2d_aa _upsample_bilinear2d_aa _upsample_nearest_exact2d"
    ),
    "rearrangement": (
        "pixel_shuffle pixel_unshuffle channel_shuffle im2col col2im cat stack reflection_pad2d "
        "replication_pad2d constant_pad_nd roll flip repeat repeat_interleave index _unsafe_index index_put "
        "_index_put_impl index_add index_select gather scatter scatter_add masked_select tril triu"
    ),
    "creation and copies": (
        "arange empty empty_like empty_strided new_empty new_empty_strided zeros zeros_like new_zeros ones "
        "ones_like new_ones full full_like new_full scalar_tensor eye linspace fill zero copy clone _to_copy "
        "contiguous _unsafe_view _reshape_alias lift lift_fresh resize rand randn bernoulli dropout "
        "native_dropout detach"
    ),
    # A Fourier transform (_fft_r2c and its kin) is not here: it is no matrix product, but it is not free.
    "complex numbers": "complex polar real imag angle view_as_real view_as_complex",
}
FREE = frozenset(" ".join(FREE_BY_KIND.values()).split())


class FlopCounter(TorchDispatchMode):
    """Counts what runs inside `with torch.inference_mode(), FlopCounter() as counter`.

    Inference mode is needed: elsewhere operators such as adaptive_avg_pool2d arrive already taken apart.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0
        self.activations = 0
        self.unknown: set[str] = set()
        self.beyond_fvcore: set[str] = set()

    def __torch_dispatch__(
        self, func: OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        full_name = func._schema.name.removeprefix("aten::")
        name = full_name.removesuffix("_")  # add_ is add
        if name in UNSEEN_BY_FVCORE:
            self.beyond_fvcore.add(name)
        if name in PRODUCTS or name in ESTIMATES:
            out = func(*args, **kwargs)
            flops = (PRODUCTS.get(name) or ESTIMATES[name])(out, *args)
            self.flops += flops
            self.activations += out.numel() if name in PRODUCTS else 0
            return out
        if name in FREE or func.is_view:
            return func(*args, **kwargs)
        with self:
            out = func.decompose(*args, **kwargs)
        if out is not NotImplemented:
            return out
        self.unknown.add(full_name)
        return func(*args, **kwargs)
