"""What each of the commands `python -m srbench data …` is told: printed by --help, and by what was told wrongly."""

LIST = "data list [--markdown] [data_root=DIR] [weights_dir=DIR]"
GET = "data get NAME [data_root=DIR] [weights_dir=DIR]"
CHECK = "data check NAME|FOLDER ... [data_root=DIR]"
PREPARE = """data prepare NAME|FOLDER [scale=2,3,4] [edge=symmetric|replicate] [out=DIR]
       ... sub_images=480 step=240 [thresh=0]         HR and LR cut into files of that size
       ... cache=true                                 what training maps when images do not fit into memory
       ... classsr=true model=NAME [checkpoint=FILE]  ClassSR's windows, ranked by that network
       each also [jobs=auto] [data_root=DIR]"""


def usage(*commands: str) -> str:
    """`usage: python -m srbench …`, a line or more for each of them."""
    return "\n".join(f"{'usage:' if i == 0 else '      '} python -m srbench {told}" for i, told in enumerate(commands))
