"""Begin a program: before anything of it is imported, so Ctrl-C ends it without a traceback from its first moment on.

Imports nothing but the standard library's lightest modules.
"""

import importlib
import signal


def start(module: str) -> int:
    """Import a composition root and run its `cli()`; returns the exit status.

    Imports take a second or more. Until the command itself runs, which knows how to stop, Ctrl-C is left to the operating
    system: nothing has been opened yet.
    """
    # a parent that had Ctrl-C ignored, such as a shell's background job, keeps its say
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    status: int = importlib.import_module(module).cli()
    return status
