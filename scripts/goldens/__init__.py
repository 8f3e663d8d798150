"""The topics of scripts/goldens.py, and what several of them need."""

import inspect
import textwrap


def mended(function, *lines, **names):
    """A library's function with some of its text replaced: pairs of what stands there, once, and what should. `names` are
    what the new text needs beside the module's own."""
    source = textwrap.dedent(inspect.getsource(function))
    for wrong, right in lines:
        assert source.count(wrong) == 1, f"{function.__qualname__} has changed: {wrong!r}"
        source = source.replace(wrong, right)
    found = {}
    exec(source, function.__globals__ | names, found)
    return found[function.__name__]
