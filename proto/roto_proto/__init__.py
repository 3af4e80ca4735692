"""The protocol of daemon and clients: messages in `v1`, values to and from them, frames in shared memory."""
