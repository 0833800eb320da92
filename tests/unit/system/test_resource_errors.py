"""Errors that mean that memory ran out, in every library's own words, and errors that do not."""

from __future__ import annotations

import errno

import pytest
from google.protobuf.message import EncodeError

from nst_core.errors import ErrorCode, NstError
from nst_core.system.resource_errors import is_out_of_memory, translate_resource_errors

MEMORY_RAN_OUT = [
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB",
    "MPS backend out of memory (MPS allocated: 9.57 GiB, max allowed: 27.20 GiB). Tried to allocate 292 MiB",
    "XPU out of memory. Tried to allocate 4.66 GiB. GPU 0 has a total capacity of 5.65 GiB",
    "UR backend failed. UR backend returns:40 (UR_RESULT_ERROR_OUT_OF_RESOURCES)",
    "Native API failed. Native API returns: 39 (UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)",
    "level_zero backend failed with error: 38 (UR_RESULT_ERROR_OUT_OF_HOST_MEMORY)",
    "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; ",
    "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
    "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasSetStream(handle, stream)`",
    "FIND was unable to find an engine to execute this computation",
    "GET was unable to find an engine to execute this computation",
    "cuFFT error: CUFFT_INTERNAL_ERROR",
    "cusolver error: CUSOLVER_STATUS_INTERNAL_ERROR, when calling `cusolverDnXsyevd(handle, params)`",
    "Invalid buffer size: 16.00 GiB",
    "miopenStatusAllocFailed",
    "HIP error: hipErrorOutOfMemory",
    "cuFFT error: CUFFT_ALLOC_FAILED",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "DefaultCPUAllocator: can't allocate memory: you tried. Error code 12 (Cannot allocate memory)",
    "alloc_cpu.cpp:81] data. DefaultCPUAllocator: not enough memory: you tried to allocate 7 bytes.",
    "Exception during initialization: std::bad_alloc",
    "running Conv node. bfc_arena.cc:376 Failed to allocate memory for requested buffer of size 643840",
    "Exception(3) tid(4304) 8007000E Not enough memory resources are available to complete this operation.",
    "Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)",
    "[GPU] Exceeded max size of memory object allocation: requested 4.3 GB",
    "libonnxruntime.so.1: failed to map segment from shared object",
    "unable to call pngsave_buffer\n  glib: Error creating thread: Resource temporarily unavailable",
    "out of memory -- size == 512MB",
]


@pytest.mark.parametrize("message", MEMORY_RAN_OUT)
def test_every_library_s_words_for_it_are_known(message: str) -> None:
    assert is_out_of_memory(RuntimeError(message))


def make_windows_error() -> OSError:
    error = OSError("DLL load failed")
    error.winerror = 1455  # type: ignore[attr-defined, unused-ignore]
    return error


class OutOfMemoryError(RuntimeError):
    """PyTorch's class, which need not be installed, has this name."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemoryError("CUDA pool exhausted"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        make_windows_error(),
        EncodeError("Failed to serialize proto"),
    ],
)
def test_types_and_numbers_say_it_too(error: Exception) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("cuDNN error: CUDNN_STATUS_BAD_PARAM"),
        ValueError("cannot reshape array of size 3 into shape (2,)"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "out of memory.png"),
        NstError(ErrorCode.BAD_IMAGE, "out of memory.png is damaged."),
        KeyboardInterrupt(),
    ],
)
def test_other_errors_do_not_say_it(error: BaseException) -> None:
    assert not is_out_of_memory(error)


def test_cause_of_an_error_counts() -> None:
    @translate_resource_errors()
    def fail() -> None:
        try:
            raise MemoryError
        except MemoryError as error:
            raise ImportError("numpy cannot be loaded") from error

    with pytest.raises(NstError) as caught:
        fail()
    assert caught.value.code is ErrorCode.OUT_OF_MEMORY
