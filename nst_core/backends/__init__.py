"""Backends: compute features, losses and gradients with torch or ONNX Runtime."""
