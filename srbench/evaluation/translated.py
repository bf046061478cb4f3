"""Networks that torch has translated from what somebody wrote: scripted by torch.jit, or written by torch.export."""

from torch import fx, jit, nn

from srbench.core.errors import first_line_with_type
from srbench.models.traits import bare_network

OF_THE_INTERPRETER = "The following operation failed in the TorchScript interpreter"
SCRIPTED = (
    "a network of torch.jit is scored and measured, but not trained, nor written as anything else; look at the module "
    "that it was made of"
)
FIXED = (
    "it is as torch.export fixed it: give that dynamic_shapes for N, H and W, or take the module that it was made of"
)


def is_scripted(model: nn.Module) -> bool:
    """Whether torch.jit made it, by script or trace."""
    return isinstance(model, jit.ScriptModule)


def is_exported(model: nn.Module) -> bool:
    """Whether it is the module of a program of torch.export: its graph knows the shapes that it was made for."""
    return isinstance(model, fx.GraphModule) and any("val" in node.meta for node in model.graph.nodes)


def in_eval_mode(model: nn.Module) -> nn.Module:
    """The same module; of torch.export's it is what it was when it was written, as they know no other mode."""
    return model if is_exported(model) else model.eval()


def network_name(model: nn.Module) -> str:
    """The name of the network's class, as it was written."""
    bare = bare_network(model)
    return str(bare.original_name) if is_scripted(bare) else type(bare).__name__


def where_it_says(model: nn.Module) -> str:
    """Where `traits` can stand: what is translated has no class of its own."""
    return "a class around it" if is_scripted(model) or is_exported(model) else "the class"


def what_it_said(error: Exception) -> str:
    """What a network raised, in one line with its type; of torch.jit's the line that tells what went wrong, which is
    the last."""
    lines = str(error).splitlines()
    return lines[-1] if lines and lines[0].startswith(OF_THE_INTERPRETER) else first_line_with_type(error)
