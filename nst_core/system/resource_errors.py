"""Errors that say that memory or disk space ran out, in the words of every library that the engine uses.

Takes any exception and says whether it means that. The words below are the libraries' own, from their sources
or from public reports. Does not depend on the libraries, which need not be installed.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from nst_core.errors import DISK_FULL_ERRNOS, ErrorCode, NstError

WINDOWS_OUT_OF_MEMORY = (8, 14, 1450, 1455)
"""Windows' errors ERROR_NOT_ENOUGH_MEMORY, ERROR_OUTOFMEMORY, ERROR_NO_SYSTEM_RESOURCES and
ERROR_COMMITMENT_LIMIT ("The paging file is too small for this operation to complete")."""

TORCH_OUT_OF_MEMORY = "OutOfMemoryError"
"""PyTorch's class for a card's memory; its words depend on the allocator in use."""

OUT_OF_MEMORY_WORDS = (
    "out ?of ?memory",  # CUDA, HIP, MPS, XPU, Metal, Vulkan, libvips, and E_OUTOFMEMORY of Direct3D
    "bad[_ ]alloc",  # C++, and so ONNX Runtime on the CPU
    "(cannot|can't|could not|unable to|fail(ed|ure) to) alloc",  # systems, torch, numpy, ONNX Runtime
    "alloc(ation)? ?fail",  # several
    "alloc(ation)?_fail",  # CUBLAS_STATUS_, CUFFT_, CUDNN_STATUS_, CL_MEM_OBJECT_
    "not enough (memory|space)",  # torch on Windows, DirectML
    "insufficient (memory|system resources)",  # Metal, Windows
    "8007000e",  # Direct3D's E_OUTOFMEMORY as a number
    "out_of_(host_|device_)?(memory|resources)",  # UR_RESULT_ERROR_, ZE_RESULT_ERROR_, CL_, VK_ERROR_
    "exceeded max size of memory object",  # OpenVINO
    "paging file is too small",  # Windows
    "failed to map segment from shared object",  # a library that is loaded
    "failed to serialize proto",  # protobuf; these models are far below its limit of 2 GB
    "cublas_status_not_initialized",  # the same in other calls: cuBLAS starts when it is first used
    "unable to find an engine to execute this computation",  # cuDNN finds no room for a workspace
    "cufft_internal_error|cusolver_status_internal_error",  # what both say if their workspace does not fit
    "invalid buffer size",  # MPS, of a buffer that is larger than Metal allows
    "miopenstatusallocfailed|hiperroroutofmemory",  # AMD
    "can't start new thread|error creating thread",  # Python and GLib find no room for a stack
)
"""Regular expressions for messages of errors that mean that memory ran out, in lower case."""

_OUT_OF_MEMORY = re.compile("|".join(f"(?:{words})" for words in OUT_OF_MEMORY_WORDS))


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error, or the one that caused it, reports that memory ran out."""
    return any(_says_out_of_memory(cause) for cause in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it was raised from or while handling, the latest first."""
    seen = set[int]()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        yield cause
        if isinstance(cause, NstError):
            return  # it has its code; what it was made of is known already
        seen.add(id(cause))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _says_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, NstError):
        return error.code is ErrorCode.OUT_OF_MEMORY
    if isinstance(error, MemoryError) or type(error).__name__ == TORCH_OUT_OF_MEMORY:
        return True
    text = str(error)
    if isinstance(error, OSError):
        if error.errno == errno.ENOMEM or getattr(error, "winerror", None) in WINDOWS_OUT_OF_MEMORY:
            return True
        text = error.strerror or text  # without the name of a file
    return isinstance(error, Exception) and _OUT_OF_MEMORY.search(text.lower()) is not None


@contextmanager
def translate_resource_errors() -> Iterator[None]:
    """Convert out-of-memory and disk-full exceptions to :class:`NstError`; let all others pass.

    Raises:
        NstError: ``out-of-memory`` or ``disk-full``.
    """
    try:
        yield
    except NstError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise NstError(
                ErrorCode.OUT_OF_MEMORY,
                "There is not enough memory for these pictures.",
                "Close other programs, or use smaller pictures.",
            ) from error
        if isinstance(error, OSError) and error.errno in DISK_FULL_ERRNOS:
            raise NstError(
                ErrorCode.DISK_FULL,
                "The disk is too full for the temporary files of a picture of this size.",
                "Free some disk space, allow more memory with --max-memory, or use a smaller --size.",
            ) from error
        raise
