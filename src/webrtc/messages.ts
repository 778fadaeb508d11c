/** What goes between the gateway and the process that ends WebRTC. Everything is JSON; media never come this way. */

/** A line as the page's description will have it; `mid` is how all sides name it (RFC 5888). */
export interface LineSpec {
  readonly mid: string;
  readonly kind: "audio" | "video";
}

/** One payload type of a line, for both directions. */
export interface LineCodec {
  readonly payloadType: number;
  /** `rtx` with the fmtp `apt=N`: retransmissions of payload type N, which are a stream of their own (RFC 4588). */
  readonly name: string;
  readonly clockRate: number;
  readonly channels?: number;
  readonly fmtp?: string;
  /** rtcp-fb values without the payload type. */
  readonly feedback?: readonly string[];
}

/** Where a line's packets go on our side. */
export interface LineTarget {
  readonly address: string;
  readonly port: number;
  /** The same as `port` where RTP and RTCP share it. */
  readonly rtcpPort: number;
}

/** A line that is offered to the browser. */
export interface OfferedLine extends LineSpec {
  /** Seen from here: `SendOnly` lines bring the browser something only. */
  readonly direction: "SendRecv" | "SendOnly" | "RecvOnly" | "Inactive";
  readonly codecs: readonly LineCodec[];
  readonly target: LineTarget | null;
}

export interface ProcessSettings {
  /** Address the ICE sockets bind; every address where null. */
  readonly bindAddress: string | null;
  readonly portRange: { readonly min: number; readonly max: number };
  /** Address by which the outside reaches `bindAddress` (NAT); told to browsers besides the one we know. */
  readonly advertise: string | null;
  /** UDP and TCP port of the detour (ICE-TCP, TURN over TCP): 0 for a free one of `portRange`, null for none. */
  readonly detourPort: number | null;
  /** Browsers come by TURN: not; where they find no other way; always. */
  readonly relayed: "never" | "maybe" | "always";
  /** `stun:host:port` URLs by which our own public address is found. */
  readonly stun: readonly string[];
  /** Address of the sockets on our side of the bridge. */
  readonly bridgeAddress: string;
}

/** How a browser's media come: straight by UDP, by ICE-TCP, or through a TURN server. */
export type MediaPath = "udp" | "tcp" | "relay";

export type ConnectionState = "new" | "connecting" | "connected" | "disconnected" | "failed" | "closed";

/** To the process. */
export type Order =
  | { readonly type: "settings"; readonly settings: ProcessSettings }
  /** Opens a socket for each line; answered by `opened` or `failed`. */
  | { readonly type: "open"; readonly session: string; readonly lines: readonly LineSpec[] }
  /** Makes a new connection to the browser, in place of the one before; its `offer` follows. */
  | { readonly type: "connect"; readonly session: string; readonly generation: number; readonly lines: readonly OfferedLine[] }
  /** Sends a line's packets elsewhere from now on. */
  | { readonly type: "retarget"; readonly session: string; readonly targets: Readonly<Record<string, LineTarget | null>> }
  | { readonly type: "answer"; readonly session: string; readonly generation: number; readonly sdp: string }
  | { readonly type: "candidate"; readonly session: string; readonly generation: number; readonly candidate: string; readonly mid: string }
  | { readonly type: "close"; readonly session: string }
  | { readonly type: "stop" };

/** From the process. */
export type Report =
  | { readonly type: "opened"; readonly session: string; readonly ports: Readonly<Record<string, number>> }
  | { readonly type: "failed"; readonly session: string; readonly reason: string }
  | { readonly type: "offer"; readonly session: string; readonly generation: number; readonly sdp: string }
  | { readonly type: "candidate"; readonly session: string; readonly generation: number; readonly candidate: string; readonly mid: string }
  | {
      readonly type: "state";
      readonly session: string;
      readonly generation: number;
      readonly state: ConnectionState;
      /** Once connected: `DTLS-SRTP AEAD_AES_256_GCM`, or `DTLS-SRTP` where the suite is not known for certain. */
      readonly protection?: string;
      /** Once connected, where it is known. */
      readonly path?: MediaPath;
    }
  | { readonly type: "log"; readonly level: "warn" | "error"; readonly message: string };
