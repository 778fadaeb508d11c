/** Data of H.460.18 and H.460.19 that travel as octets inside generic parameters. */
import { CallIdentifier, TransportAddress as SignallingAddress, TimeToLive } from "../h225/common.ts";
import { TransportAddress as MediaAddress } from "../h245/common.ts";
import { decode, encode, type Infer, integer, optional as opt, sequence } from "../per/index.ts";

/** H.460.18 annex A: where to connect to for a call, and which. */
const IncomingCallIndication = sequence({ callSignallingAddress: SignallingAddress, callID: CallIdentifier }, {});
export type IncomingCallIndication = Infer<typeof IncomingCallIndication>;

/** H.460.18 annex A: how often a traversal zone's client is to be heard, seconds. */
const LRQKeepAliveData = sequence({ lrqKeepAliveInterval: TimeToLive }, {});
export type LRQKeepAliveData = Infer<typeof LRQKeepAliveData>;

/** H.460.19 annex A: where and how often to send keep-alives, where to send multiplexed media and under which number. */
const TraversalParameters = sequence(
  {
    multiplexedMediaChannel: opt(MediaAddress),
    multiplexedMediaControlChannel: opt(MediaAddress),
    multiplexID: opt(integer(0, 4294967295)),
    keepAliveChannel: opt(MediaAddress),
    keepAlivePayloadType: opt(integer(0, 127)),
    /** Seconds. */
    keepAliveInterval: opt(TimeToLive),
  },
  {},
);
export type TraversalParameters = Infer<typeof TraversalParameters>;

/** All decoders throw PerError. */
export const decodeIncomingCall = (bytes: Uint8Array): IncomingCallIndication => decode(IncomingCallIndication, bytes);
export const encodeIncomingCall = (value: IncomingCallIndication): Uint8Array => encode(IncomingCallIndication, value);
export const decodeLrqKeepAlive = (bytes: Uint8Array): LRQKeepAliveData => decode(LRQKeepAliveData, bytes);
export const encodeLrqKeepAlive = (value: LRQKeepAliveData): Uint8Array => encode(LRQKeepAliveData, value);
export const decodeTraversal = (bytes: Uint8Array): TraversalParameters => decode(TraversalParameters, bytes);
export const encodeTraversal = (value: TraversalParameters): Uint8Array => encode(TraversalParameters, value);
