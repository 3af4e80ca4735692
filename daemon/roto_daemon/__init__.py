"""The Rotolink daemon: plates in, clicks in; masks, mattes and animated shapes out."""

import os

# gRPC has no setting for the oldest TLS, and reads this as it is first imported. It names the ciphers of TLS 1.2; this
# one cannot work with our certificate, whose key is of P-256, so that TLS 1.3 alone is left.
os.environ["GRPC_SSL_CIPHER_SUITES"] = "ECDHE-RSA-AES256-GCM-SHA384"
