"""ONNX Runtime at work: devices, sessions, preprocessing, classification. No Qt."""
