import { constants } from "node:crypto";
import type { SecureContextOptions } from "node:tls";

/** What holds for TLS of every web port. TLS 1.2 would let a client ask for a new handshake as often as it likes, each at our cost. */
export const WEB_TLS = { minVersion: "TLSv1.2", secureOptions: constants.SSL_OP_NO_RENEGOTIATION } as const satisfies SecureContextOptions;
