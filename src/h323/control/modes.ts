import type { ControlMessage } from "../../wire/h245/index.ts";
import type { AudioCodec, AudioFormat } from "./codecs.ts";
import { isGeneric, OID } from "./generic.ts";

type RequestMode = NonNullable<NonNullable<ControlMessage["request"]>["requestMode"]>;
type Mode = RequestMode["requestedModes"][number];
type AudioMode = NonNullable<Mode[number]["type"]["audioMode"]>;

const MODES: Readonly<Partial<Record<AudioCodec, AudioMode>>> = {
  PCMU: { g711Ulaw64k: true },
  PCMA: { g711Alaw64k: true },
  G722: { "g722-64k": true },
  G729: { g729: true },
};

/** Modes that ask for one of these codecs, the first wanted most (H.245 6.2.10). Those without a mode are left out. */
export function composeModes(codecs: readonly AudioCodec[]): Mode[] {
  return codecs.flatMap((codec) => (MODES[codec] === undefined ? [] : [[{ type: { audioMode: MODES[codec] } }]]));
}

/**
 * The audio codec a mode asks for. A mode says all that is to be sent at once: H.264 beside the audio asks for nothing that is not sent anyway;
 * anything else makes it one we cannot take.
 */
function readMode(mode: Mode): AudioCodec | undefined {
  let codec: AudioCodec | undefined;
  for (const { type } of mode) {
    if (type.audioMode !== undefined && codec === undefined) codec = codecOf(type.audioMode);
    else if (!isGeneric(type.videoMode?.genericVideoMode, OID.h264)) return undefined;
  }
  return codec;
}

function codecOf(mode: AudioMode): AudioCodec | undefined {
  if (mode.g729AnnexA) return "G729";
  const name = Object.keys(mode)[0];
  return Object.entries(MODES).find(([, m]) => Object.keys(m)[0] === name)?.[0] as AudioCodec | undefined;
}

/** The answer to a mode request, and the format to send from then on: the first wanted that both have. `remote` is empty while nothing can be sent. */
export function answerMode(
  { sequenceNumber, requestedModes }: RequestMode,
  local: readonly AudioFormat[],
  remote: readonly AudioFormat[],
): { readonly answer: NonNullable<ControlMessage["response"]>; readonly format?: AudioFormat } {
  const choices = requestedModes.map(readMode);
  const at = choices.findIndex((codec) => codec !== undefined && local.some((a) => a.codec === codec));
  const format = at < 0 ? undefined : remote.find((a) => a.codec === choices[at]);
  if (format === undefined) return { answer: { requestModeReject: { sequenceNumber, cause: { modeUnavailable: true } } } };
  const response = at === 0 ? ({ willTransmitMostPreferredMode: true } as const) : ({ willTransmitLessPreferredMode: true } as const);
  return { answer: { requestModeAck: { sequenceNumber, response } }, format };
}
