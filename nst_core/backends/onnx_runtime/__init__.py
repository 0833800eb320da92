"""Loss and gradient with ONNX Runtime alone: a gradient graph written node by node."""
