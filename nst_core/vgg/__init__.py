"""The VGG networks: layers, weights, features, and the store of ONNX files."""
