"""Three published conventions for FLOPs and activations, counted from operators in one pass: on the meta device too,
where nothing is computed.

- `fvcore`: one multiply-add is one FLOP; convolutions and matrix products are counted, normalisations, resizing and
  adaptive pooling by fvcore's estimates (`ESTIMATES`); what stands in `FREE` is zero, as it is in fvcore. What fvcore
  takes for zero although it multiplies matrices is counted, and its name kept in `beyond_fvcore`: a convolution with
  padding="same" (`_convolution_mode`), attention, baddbmm, products with vectors.
- `ntire`: the NTIRE challenges on efficient SR (`utils/model_summary.py` of their code, from Zhang et al., AIM 2020):
  one multiply-add is one FLOP in 2-D convolutions and linear layers, an affine batch normalisation takes 2 an element,
  ReLU, PReLU, ELU, LeakyReLU and ReLU6 take 1; all else takes 0. Activations are the outputs of convolutions. Theirs
  hooks modules and adds up every call, so that what a paper's network calls as a function is counted here only.
- `classsr`: 2 FLOPs per multiply-add of convolutions and linear layers (Kong et al., CVPR 2021); no activations.

The last two count a transposed convolution at its output's positions, stride² times what it multiplies.

An operator in no table is taken apart into its parts; where it has none, its name is kept in `unknown`. A `WeightFlow`
finds what ran without any operator.
"""

from collections.abc import Callable
from math import prod
from typing import Any, Literal

from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from srbench.metrics.weight_flow import WeightFlow

Convention = Literal["fvcore", "ntire", "classsr"]


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


CONVOLUTIONS = ("convolution", "_convolution")  # the second one in traced networks, with the same arguments first
PRODUCTS: dict[str, Callable[..., int]] = {  # their outputs are the activations
    **dict.fromkeys(CONVOLUTIONS, _convolution),
    "mm": _matrix_product,
    "bmm": _matrix_product,
    "mv": _matrix_product,
    "dot": _matrix_product,
    "vdot": _matrix_product,
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


def _at_each_output(out: Tensor, images: Tensor, weight: Tensor, *args: Any) -> int:
    return images.shape[0] * weight.numel() * prod(out.shape[2:])


def _ntire_convolution(out: Tensor, images: Tensor, weight: Tensor, *args: Any) -> int:
    return _at_each_output(out, images, weight) if out.ndim == 4 else 0


def _ntire_linear(out: Tensor, features: Tensor, *args: Any) -> int:
    """Right for (N, C) alone: of (N, T, C) the counter takes the tokens for channels."""
    if out.ndim == 1:
        return len(features) * len(out)
    return features.shape[0] * features.shape[1] * out.shape[1]


def _each_output(out: Tensor, *args: Any) -> int:
    return out.numel()


NTIRE: dict[str, Callable[..., int]] = {
    **dict.fromkeys(CONVOLUTIONS, _ntire_convolution),
    "linear": _ntire_linear,
    "batch_norm": _batch_norm,
    "relu": _each_output,
    "prelu": _each_output,
    "elu": _each_output,
    "leaky_relu": _each_output,
    "hardtanh": lambda out, images, low=-1, high=1: out.numel() if (low, high) == (0, 6) else 0,  # ReLU6
}

CLASSSR: dict[str, Callable[..., int]] = {
    **dict.fromkeys(CONVOLUTIONS, lambda *args: 2 * _at_each_output(*args)),
    "linear": lambda out, features, *_: 2 * _matrix_product(out, features, features),
}

CONVENTIONS: dict[Convention, dict[str, Callable[..., int]]] = {
    "fvcore": PRODUCTS | ESTIMATES,
    "ntire": NTIRE,
    "classsr": CLASSSR,
}

UNSEEN_BY_FVCORE = frozenset(
    ["_convolution_mode", "scaled_dot_product_attention", "baddbmm", "mv", "dot", "vdot", "addmv"]
)

FREE_BY_KIND = {
    "arithmetic": (
        "add sub rsub mul div addcmul addcdiv neg reciprocal pow square sqrt rsqrt abs sign sgn exp exp2 expm1 log "
        "log1p log2 log10 sin cos tan asin acos atan atan2 sinh cosh asinh acosh atanh hypot floor ceil round trunc "
        "frac remainder floor_divide fmod lerp maximum minimum clamp clamp_min clamp_max erf erfc nan_to_num"
    ),
    "activations": (
        "relu leaky_relu _prelu_kernel elu celu gelu silu mish sigmoid hardsigmoid hardswish hardtanh tanh "
        "softplus log_sigmoid_forward threshold rrelu_with_noise glu _softmax _safe_softmax _log_softmax logit"
    ),
    "statistics": (
        "sum mean prod var std var_mean std_mean amax amin aminmax max min argmax argmin cumsum cumprod cummax "
        "cummin logsumexp logcumsumexp median nansum norm linalg_vector_norm renorm any all topk kthvalue sort"
    ),
    "choice": (
        "eq ne lt le gt ge logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor "
        "bitwise_not where masked_fill isnan isinf isposinf isneginf bucketize searchsorted"
    ),
    "pooling and resizing": (
        "avg_pool2d avg_pool3d max_pool2d max_pool2d_with_indices max_pool3d_with_indices max_unpool2d "
        "adaptive_max_pool2d adaptive_max_pool3d _adaptive_avg_pool3d upsample_linear1d upsample_trilinear3d "
        "upsample_nearest1d upsample_nearest3d upsample_bicubic2d _upsample_bicubic2d_aa _upsample_bilinear2d_aa "
        "_upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d"
    ),
    "rearrangement": (
        "pixel_shuffle pixel_unshuffle channel_shuffle im2col col2im cat stack reflection_pad1d reflection_pad2d "
        "reflection_pad3d replication_pad1d replication_pad2d replication_pad3d constant_pad_nd roll flip rot90 "
        "repeat repeat_interleave index _unsafe_index index_put _unsafe_index_put _index_put_impl index_add "
        "index_copy index_fill index_select index_reduce embedding _embedding_bag _embedding_bag_forward_only "
        "one_hot take put gather scatter scatter_add scatter_reduce select_scatter slice_scatter "
        "diagonal_scatter masked_select masked_scatter tril triu tril_indices triu_indices trace"
    ),
    "creation": (
        "arange empty empty_like empty_strided new_empty new_empty_strided zeros zeros_like new_zeros ones "
        "ones_like new_ones full full_like new_full scalar_tensor eye linspace logspace rand rand_like randn "
        "randn_like randint randint_like randperm"
    ),
    "copies": (
        "fill zero copy clone _to_copy contiguous _unsafe_view _reshape_alias lift lift_fresh resize bernoulli "
        "uniform normal dropout native_dropout detach _local_scalar_dense"
    ),
    "weight normalisation": "_weight_norm_interface",
    "marks of torch's profiler": "profiler::_record_function_enter_new profiler::_record_function_exit",
    # A Fourier transform (_fft_r2c and its kin) is not here: it is no matrix product, but it is not free.
    "complex numbers": "complex polar real imag angle view_as_real view_as_complex",
}
FREE = frozenset(" ".join(FREE_BY_KIND.values()).split())
CREATION = frozenset(FREE_BY_KIND["creation"].split())  # what they put out does not depend on values of what they take


def operator_name(func: OpOverload) -> str:
    """An operator's, without a variant; of one that changes its input, that of its fellow which does not."""
    return func._schema.name.removeprefix("aten::").removesuffix("_")  # add_ is add


class FlopCounter(TorchDispatchMode):
    """Counts what runs inside `with torch.inference_mode(), FlopCounter() as counter`.

    `products`: of fvcore's FLOPs those of convolutions and matrix products; `convolutions`: how many ran, 2-D ones.
    Inference mode is needed: elsewhere operators such as adaptive_avg_pool2d arrive already taken apart. `flow` is told
    of every operator that a table knows.
    """

    def __init__(self, flow: WeightFlow | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flow = flow
        self.flops: dict[Convention, int] = dict.fromkeys(CONVENTIONS, 0)
        self.activations: dict[Convention, int] = {"fvcore": 0, "ntire": 0}
        self.products = 0
        self.convolutions = 0
        self.unknown: set[str] = set()
        self.beyond_fvcore: set[str] = set()

    def __torch_dispatch__(
        self, func: OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = operator_name(func)
        if name in UNSEEN_BY_FVCORE:
            self.beyond_fvcore.add(name)
        out = self._run(func, name, args, kwargs or {})
        for convention, rules in CONVENTIONS.items():
            if name in rules:
                self.flops[convention] += rules[name](out, *args)
        if name in PRODUCTS:
            self.products += PRODUCTS[name](out, *args)
            self.activations["fvcore"] += out.numel()
        if name in CONVOLUTIONS and out.ndim == 4:
            self.activations["ntire"] += out.numel()
            self.convolutions += 1
        return out

    def _run(self, func: OpOverload, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The operator's output; what fvcore's tables do not hold is taken apart, its parts counted."""
        if name in CONVENTIONS["fvcore"] or name in FREE or func.is_view:
            out = func(*args, **kwargs)
            if self.flow and name not in CREATION:
                self.flow.note((args, kwargs), out)
            return out
        with self:
            out = func.decompose(*args, **kwargs)
        if out is not NotImplemented:
            return out
        self.unknown.add(func._schema.name.removeprefix("aten::"))
        return func(*args, **kwargs)
