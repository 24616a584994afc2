"""The model: one shared encoder and two decoders, on Keras 3's own API (any backend)."""
