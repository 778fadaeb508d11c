/** What other rooms import of audio. */
export type { AudioEncoder, CodecName } from "./codec.ts";
export { findCodec } from "./codec.ts";
export { createDecoder, createEncoder, loadOpus } from "./codecs.ts";
export { frameSamples, levelDb } from "./format.ts";
export { AudioReceiver, type ReceiverStats } from "./receive/receiver.ts";
export { writeWav } from "./wav.ts";
export { TelephoneEventSender } from "./dtmf/event-sender.ts";
