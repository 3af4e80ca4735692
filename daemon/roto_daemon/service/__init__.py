"""The gRPC edge: check, convert, call, convert. Nothing is decided here but how a refusal is worded on the wire."""
