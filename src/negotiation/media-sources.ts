import type { MediaSources } from "../rtp/latch.ts";
import type { MediaPolicy } from "./codec-policy.ts";
import type { SdpMedia, SdpSession } from "../wire/sdp/index.ts";

/**
 * How the gateway tells its media server from where a far end's media may come: an attribute of the audio line, which media servers that do not know it
 * ignore (RFC 8866 section 5.13). `signalled`, `any`, or addresses.
 */
const ATTRIBUTE = "x-crosspoint-sources";

/** Name of the attribute that says that nothing is to be sent yet. */
const HELD = "x-crosspoint-held";

/** Name of the attribute that marks a description as the answer to what the far end was last told. */
const ANSWER = "x-crosspoint-answer";

/** The description as for a far end to which nothing may be sent before it has acknowledged the call; without `held`, whatever it says of that is gone. */
export function withHold(session: SdpSession, held: boolean): SdpSession {
  const media = session.media.map((line): SdpMedia => {
    const attributes = line.attributes.filter(({ name }) => name !== HELD);
    return { ...line, attributes: held && line.kind === "audio" ? [...attributes, { name: HELD }] : attributes };
  });
  return { ...session, media };
}

/** Name of the attribute that says that ports need not be symmetric. */
const ASYMMETRIC = "x-crosspoint-asymmetric";

/**
 * The description as of a far end that may send from other ports than those it names; without `asymmetric`, whatever it
 * says of that is gone.
 */
export function withAsymmetry(session: SdpSession, asymmetric: boolean): SdpSession {
  const media = session.media.map((line): SdpMedia => {
    const attributes = line.attributes.filter(({ name }) => name !== ASYMMETRIC);
    return { ...line, attributes: asymmetric && line.kind === "audio" ? [...attributes, { name: ASYMMETRIC }] : attributes };
  });
  return { ...session, media };
}

/** Whether {@link withAsymmetry} said so of a line. */
export function isAsymmetric({ attributes }: Pick<SdpMedia, "attributes">): boolean {
  return attributes.some(({ name }) => name === ASYMMETRIC);
}

/** Whether {@link withHold} said so of a line. */
export function isHeld({ attributes }: Pick<SdpMedia, "attributes">): boolean {
  return attributes.some(({ name }) => name === HELD);
}

/**
 * Marks a description that a media server gets as an offer, though the far end gave it as the answer to the media server's own last words: the far end
 * knows our keys already, and they stay. A far end that offers new keys of its own is told new ones.
 */
export function asAnswer(session: SdpSession): SdpSession {
  const media = session.media.map((line): SdpMedia => {
    const attributes = line.attributes.filter(({ name }) => name !== ANSWER);
    return { ...line, attributes: line.kind === "audio" ? [...attributes, { name: ANSWER }] : attributes };
  });
  return { ...session, media };
}

/** Whether {@link asAnswer} said so of a line. */
export function isAnswer({ attributes }: Pick<SdpMedia, "attributes">): boolean {
  return attributes.some(({ name }) => name === ANSWER);
}

/** From where the media of a call may come. */
export function mediaSources({ latch = "source", source }: Pick<MediaPolicy, "latch" | "source">): MediaSources {
  if (latch !== "source") return latch;
  return source === undefined ? [] : [source];
}

/** More hosts than this are not looked at. */
const MOST_HOSTS = 8;

/** The description with the sources of its audio line; what a far end may have said of them is gone. */
export function withMediaSources(session: SdpSession, sources: MediaSources | undefined): SdpSession {
  const media = session.media.map((line): SdpMedia => {
    const attributes = line.attributes.filter(({ name }) => name !== ATTRIBUTE);
    if (sources === undefined || line.kind !== "audio") return { ...line, attributes };
    return { ...line, attributes: [...attributes, { name: ATTRIBUTE, value: typeof sources === "string" ? sources : sources.join(" ") }] };
  });
  return { ...session, media, attributes: session.attributes.filter(({ name }) => name !== ATTRIBUTE) };
}

/** What {@link withMediaSources} said of a line; undefined where nothing was. */
export function mediaSourcesOf({ attributes }: Pick<SdpMedia, "attributes">): MediaSources | undefined {
  const said = attributes.find(({ name }) => name === ATTRIBUTE);
  if (said === undefined) return undefined;
  const value = said.value ?? "";
  if (value === "any" || value === "signalled") return value;
  return value.split(" ", MOST_HOSTS).filter((host) => host !== "");
}
