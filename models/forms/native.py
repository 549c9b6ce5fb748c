"""Calls a compiled piece: one call that leaves the interpreter's lock alone from beginning to end.

The library that AOTInductor makes has a C interface (torch/csrc/inductor/aoti_runtime/interface.h). Through torch's own
Python class for it the interpreter is held for the whole picture (measured: a thread beside it got 6 % of its turns),
so it is called with ctypes, which lets go. Tensors go in and come out as handles that torch makes.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

Handle = ctypes.c_void_p

# torch hands handles to Python in capsules without a name.
_address = ctypes.pythonapi.PyCapsule_GetPointer
_address.argtypes, _address.restype = [ctypes.py_object, ctypes.c_char_p], Handle
_capsule = ctypes.pythonapi.PyCapsule_New
_capsule.argtypes, _capsule.restype = [Handle, ctypes.c_char_p, Handle], ctypes.py_object


class Library:
    """One compiled piece. One thread at a time. OSError or RuntimeError if this torch or machine cannot load it."""

    def __init__(self, path: Path, gives: int) -> None:
        self._dll = ctypes.CDLL(str(path))
        self._give = torch._C._aoti.unsafe_alloc_void_ptrs_from_tensors
        self._take = torch._C._aoti.alloc_tensors_by_stealing_from_void_ptrs
        self._run = self._dll.AOTInductorModelContainerRun
        self._run.argtypes = [Handle, Handle, ctypes.c_size_t, Handle, ctypes.c_size_t, Handle, Handle]
        self._container = Handle()
        self._check(
            self._dll.AOTInductorModelContainerCreateWithDevice(
                ctypes.byref(self._container), ctypes.c_size_t(1), b"cpu", None
            )
        )
        # Its memory goes with this object; the code itself stays until the program ends, one copy for all of its forms.
        weakref.finalize(self, self._dll.AOTInductorModelContainerDelete, self._container).atexit = False
        count = ctypes.c_size_t()
        self._check(self._dll.AOTInductorModelContainerGetNumInputs(self._container, ctypes.byref(count)))
        self.inputs = count.value
        self._slots = (Handle * self.inputs)()
        self._results = (Handle * gives)()

    def __call__(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Run on tensors of just the shapes, strides and types that it was compiled for: nobody checks them here."""
        self._slots[:] = [
            _address(capsule, None) for capsule in self._give(list(tensors))
        ]  # handles that the run takes over
        self._check(self._run(self._container, self._slots, self.inputs, self._results, len(self._results), None, None))
        made: list[Tensor] = self._take([_capsule(handle, None, None) for handle in self._results])
        return made

    def _check(self, status: int) -> None:
        if status:
            raise RuntimeError(f"a compiled network failed (status {status}); torch printed why")
