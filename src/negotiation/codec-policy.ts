import type { SdpFormat, SdpMedia } from "../wire/sdp/index.ts";
import { capabilityOf, sameName } from "./capability.ts";
import { type Refusal, refusal } from "./refusal.ts";
import type { SrtpContext } from "./srtp-policy.ts";

/** Whose media a trunk's calls take where no SRTP proves them: see {@link MediaPolicy.latch}. */
export type LatchPolicy = "signalled" | "source" | "any";

/** What decides about a call's media: its protection, and which codecs it may have. */
export interface MediaPolicy extends SrtpContext {
  /** Audio codecs that may be offered and taken, best first, in any case; all, in the offerer's order, where absent. */
  readonly codecs?: readonly string[];
  /**
   * Whose media are taken where no SRTP proves them. `source`, where absent: of the signalled host, and of the host that signalling comes from, which is where
   * a far end behind a NAT is. `signalled`: of the signalled address and port alone. `any`: of whoever sends first.
   */
  readonly latch?: LatchPolicy;
  /** The address that the far end's signalling comes from, where that is known. */
  readonly source?: string;
  /** Nothing is sent to the far end before it has acknowledged the call: by UDP anybody can call in another's name. */
  readonly held?: boolean;
  /**
   * The far end names the ports on which it receives, and may send from others: H.323, where a channel is one way
   * (H.245 6.2).
   */
  readonly asymmetric?: boolean;
}

/** A payload type nobody can hear: it goes along with whichever codec is chosen. */
const isCompanion = (codec: string): boolean => sameName(codec, "telephone-event") || sameName(codec, "CN");

/**
 * An audio line's formats as the policy has them: the listed codecs in its order, then comfort noise and telephone events in theirs. `current`, the
 * codec in force, stays first: nobody is to be moved to another in mid-call who has not asked for it. Formats without a meaning go.
 */
export function orderFormats(media: SdpMedia, { codecs }: Pick<MediaPolicy, "codecs">, current?: string): SdpFormat[] {
  if (!codecs) return [...media.formats];
  const wanted = current === undefined ? codecs : [current, ...codecs.filter((codec) => !sameName(codec, current))];
  const known = media.formats.flatMap((format) => {
    const capability = capabilityOf(format);
    return capability ? [{ format, capability }] : [];
  });
  const allowed = wanted.filter((codec) => codecs.some((listed) => sameName(listed, codec)));
  const audio = allowed.flatMap((codec) => known.filter(({ capability }) => sameName(capability.codec, codec)));
  const clocks = new Set([8000, ...audio.map(({ capability }) => capability.clockRate)]);
  const companions = known.filter(({ capability }) => isCompanion(capability.codec) && clocks.has(capability.clockRate));
  return audio.length === 0 ? [] : [...audio, ...companions].map(({ format }) => format);
}

/** The first codec of a line that carries sound, in its registered case; undefined where there is none. */
export function firstCodec(media: SdpMedia | undefined): string | undefined {
  const names = media?.formats.map((format) => capabilityOf(format)?.codec) ?? [];
  return names.find((name) => name !== undefined && !isCompanion(name));
}

/** Refuses a line that has none of the policy's codecs. */
export function checkCodecs(media: SdpMedia, { codecs }: Pick<MediaPolicy, "codecs">): Refusal | null {
  if (!codecs || orderFormats(media, { codecs }).length > 0) return null;
  const offered = media.formats.flatMap((format) => capabilityOf(format)?.codec ?? []).filter((codec) => !isCompanion(codec));
  const theirs = offered.length > 0 ? `${[...new Set(offered)].slice(0, 8).join(", ").slice(0, 120)} offered` : "none offered";
  return refusal("no-common-codec", `No audio codec in common: ${theirs}, ${codecs.join(", ")} taken`, 304);
}
