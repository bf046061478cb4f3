"""Hydra's and OmegaConf's errors as one line: which key, what is wrong, what there is."""

from hydra.errors import MissingConfigException
from omegaconf.errors import ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException

from srbench.suggest import did_you_mean


def explain(error: Exception) -> str:
    """One line for an error that Hydra raises for a command line or config it cannot compose."""
    causes = _chain(error)
    for cause in causes:
        if isinstance(cause, MissingConfigException) and cause.missing_cfg_file:
            group, _, name = str(cause.missing_cfg_file).removesuffix(".yaml").rpartition("/")
            options = cause.options or []
            return f"{group or 'config'}={name}: no such {group.rpartition('/')[2] or 'config'}{did_you_mean(name, options)}"
        if isinstance(cause, MissingMandatoryValue):
            return f"{cause.full_key}: must be given; add {cause.full_key}=VALUE"
        if isinstance(cause, ConfigKeyError | AttributeError) and isinstance(cause, OmegaConfBaseException):
            return _no_such_key(cause)
    words = " ".join(" ".join(str(cause).split()) for cause in causes)
    return words.replace(" See https://hydra.cc/docs/1.2/advanced/override_grammar/basic for details", "")


def _no_such_key(error: OmegaConfBaseException) -> str:
    key = str(error.full_key or error.key)
    parent, _, name = key.rpartition(".")
    names = [str(k) for k in error.parent_node if k != "hydra"] if error.parent_node is not None else []
    hint = did_you_mean(name, names)
    return f"{key}: no such key{f' in {parent}' if parent else ''}{hint}"


def _chain(error: BaseException) -> list[BaseException]:
    chain = [error]
    while chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    return chain
