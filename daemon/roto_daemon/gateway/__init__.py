"""The HTTP and WebSocket edge: every call of `roto.v1` for programs that have no gRPC.

It knows no session and no plate. What comes in becomes the call's own message, goes to the daemon's gRPC port on this
machine, and comes back the same way; so both edges give the same answers under the same limits, with the same errors.
docs/reference/gateway.md has the form on the wire.
"""
