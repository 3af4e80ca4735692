"""Work that must not take the daemon down with it: engines, decoding and fitting run in processes of their own.

`process` is the daemon's side, `child` and `worker` are the process's side, `orders` is what passes between them
as msgpack over the process's standard input and output.
"""
