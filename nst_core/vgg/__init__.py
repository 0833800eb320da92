"""Networks: the layer table, weights, the ONNX model store."""
