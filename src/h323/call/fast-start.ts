import { decodeFastStart, encodeFastStart, type OpenLogicalChannel } from "../../wire/h245/index.ts";
import { type Address, fromH245, toH245 } from "../address.ts";
import { offerAudio } from "../control/channels.ts";
import { type AudioFormat, composeAudio, readAudio, sameAudio } from "../control/codecs.ts";
import { rtpParameters, withParameters } from "../control/lines.ts";
import type { LocalMedia } from "../control/types.ts";

/** A channel that fast connect has opened, seen from us. */
export interface FastTransmit {
  readonly number: number;
  readonly format: AudioFormat;
  readonly rtp: Address;
  readonly rtcp: Address | undefined;
}
export interface FastReceive {
  readonly number: number;
  readonly format: AudioFormat;
  readonly rtcp: Address | undefined;
}

/** Most proposals looked at. */
const MOST = 64;

/** Number of the first proposal; those of channels opened later by H.245 follow. */
const FIRST = 1001;

/** What a caller proposes: of each codec a channel to it and one from it, most wanted first (H.323 8.1.7.1). */
export function propose(formats: readonly AudioFormat[], media: LocalMedia): Uint8Array[] {
  return formats.flatMap((format, i) => [
    encodeFastStart(reverse(FIRST + i * 2, format, { mediaChannel: toH245(media.rtp), mediaControlChannel: toH245(media.rtcp) })),
    encodeFastStart(offerAudio(FIRST + i * 2 + 1, format, media)),
  ]);
}

type Parameters = NonNullable<
  OpenLogicalChannel["forwardLogicalChannelParameters"]["multiplexParameters"]["h2250LogicalChannelParameters"]
>;

/** A channel from callee to caller: nothing forward, audio in reverse. */
function reverse(number: number, format: AudioFormat, parameters: Partial<Parameters>): OpenLogicalChannel {
  return {
    forwardLogicalChannelNumber: number,
    forwardLogicalChannelParameters: { dataType: { nullData: true }, multiplexParameters: { none: true } },
    reverseLogicalChannelParameters: {
      dataType: { audioData: composeAudio(format) },
      multiplexParameters: { h2250LogicalChannelParameters: { sessionID: 1, ...rtpParameters(format), ...parameters } },
    },
  };
}

interface Element {
  readonly number: number;
  /** The caller sends, or the callee. */
  readonly sender: "caller" | "callee";
  readonly format: AudioFormat;
  readonly rtp: Address | undefined;
  readonly rtcp: Address | undefined;
}

/** Elements that are audio we have a name for; what cannot be decoded is passed over, as H.323 8.1.7 wants of unknown proposals. */
function read(elements: readonly Uint8Array[]): Element[] {
  const out: Element[] = [];
  for (const bytes of elements.slice(0, MOST)) {
    let olc: OpenLogicalChannel;
    try {
      olc = decodeFastStart(bytes);
    } catch {
      continue;
    }
    const back = olc.reverseLogicalChannelParameters;
    const forward = olc.forwardLogicalChannelParameters;
    const side = forward.dataType.nullData ? back : forward;
    const audio = readAudio(side?.dataType.audioData);
    const parameters = side?.multiplexParameters?.h2250LogicalChannelParameters;
    if (audio === undefined || parameters === undefined) continue;
    const format = withParameters(audio, parameters);
    out.push({
      number: olc.forwardLogicalChannelNumber,
      sender: side === forward ? "caller" : "callee",
      format,
      rtp: fromH245(parameters.mediaChannel),
      rtcp: fromH245(parameters.mediaControlChannel),
    });
  }
  return out;
}

/**
 * What a callee takes of the proposals: the first of `formats` that goes both ways, else one that goes one way. Undefined when
 * nothing fits: fast connect is refused and H.245 opens the channels.
 */
export function select(
  proposals: readonly Uint8Array[],
  formats: readonly AudioFormat[],
  media: LocalMedia,
):
  | { readonly elements: readonly Uint8Array[]; readonly transmit: FastTransmit | undefined; readonly receive: FastReceive | undefined }
  | undefined {
  const all = read(proposals);
  const find = (sender: Element["sender"], format: AudioFormat) =>
    all.find((e) => e.sender === sender && sameAudio(e.format, format) && (sender === "caller" || e.rtp !== undefined));
  const rank = (f: AudioFormat) => (find("caller", f) ? 1 : 0) + (find("callee", f) ? 1 : 0);
  const best = formats.find((f) => rank(f) === 2) ?? formats.find((f) => rank(f) === 1);
  if (best === undefined) return undefined;
  const toUs = find("caller", best);
  const fromUs = find("callee", best);
  const elements: Uint8Array[] = [];
  if (fromUs !== undefined)
    elements.push(encodeFastStart(reverse(fromUs.number, fromUs.format, { mediaControlChannel: toH245(media.rtcp) })));
  if (toUs !== undefined) {
    const accepted = offerAudio(toUs.number, toUs.format, media);
    const parameters = accepted.forwardLogicalChannelParameters.multiplexParameters.h2250LogicalChannelParameters!;
    elements.push(
      encodeFastStart({
        ...accepted,
        forwardLogicalChannelParameters: {
          ...accepted.forwardLogicalChannelParameters,
          multiplexParameters: { h2250LogicalChannelParameters: { ...parameters, mediaChannel: toH245(media.rtp) } },
        },
      }),
    );
  }
  return {
    elements,
    transmit: fromUs && { number: fromUs.number, format: fromUs.format, rtp: fromUs.rtp!, rtcp: fromUs.rtcp },
    receive: toUs && { number: toUs.number, format: toUs.format, rtcp: toUs.rtcp },
  };
}

/** What a callee has taken, seen from the caller. Only codecs that were proposed count. */
export function accepted(
  elements: readonly Uint8Array[],
  formats: readonly AudioFormat[],
): { readonly transmit: FastTransmit | undefined; readonly receive: FastReceive | undefined } {
  const all = read(elements).filter((e) => formats.some((f) => sameAudio(f, e.format)));
  const ours = all.find((e) => e.sender === "caller" && e.rtp !== undefined);
  const theirs = all.find((e) => e.sender === "callee");
  return {
    transmit: ours && { number: ours.number, format: ours.format, rtp: ours.rtp!, rtcp: ours.rtcp },
    receive: theirs && { number: theirs.number, format: theirs.format, rtcp: theirs.rtcp },
  };
}
