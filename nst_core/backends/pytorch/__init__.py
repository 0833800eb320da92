"""Loss and gradient with PyTorch, on the CPU or on one or several GPUs."""
