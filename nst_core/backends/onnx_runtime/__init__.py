"""Loss and gradient with ONNX Runtime, by a gradient graph that is written node by node."""
