import { formatCrypto } from "./crypto.ts";
import type { SdpConnection, SdpFormat, SdpMedia, SdpSession } from "./types.ts";

/**
 * Writes a description, lines in RFC 8866 section 5's order, CRLF at each end. Throws RangeError when a value has a line break in it,
 * which would let one line become two.
 */
export function writeSdp(session: SdpSession): string {
  const { origin } = session;
  const lines = [
    "v=0",
    `o=${origin.username} ${origin.sessionId} ${origin.version} ${net(origin)}`,
    `s=${session.name}`,
    ...session.otherLines.filter((line) => /^[iuep]=/.test(line)),
    ...sectionLines(session),
    `t=${session.timing}`,
    ...session.otherLines.filter((line) => !/^[iuep]=/.test(line)),
    ...fingerprintLines(session),
    ...attributeLines(session),
    ...(session.direction ? [`a=${session.direction}`] : []),
    ...session.media.flatMap(mediaLines),
  ];
  for (const line of lines) if (/[\r\n\0]/.test(line)) throw new RangeError(`SDP value with a line break in ${line.slice(0, 8)}`);
  return lines.join("\r\n") + "\r\n";
}

function mediaLines(media: SdpMedia): string[] {
  return [
    `m=${media.kind} ${media.port} ${media.protocol} ${media.formatTokens.join(" ")}`.trimEnd(),
    ...(media.title === undefined ? [] : [`i=${media.title}`]),
    ...sectionLines(media),
    ...media.formats.flatMap(formatLines),
    ...media.feedback.map((value) => `a=rtcp-fb:* ${value}`),
    ...media.crypto.map((crypto) => `a=crypto:${formatCrypto(crypto)}`),
    ...fingerprintLines(media),
    ...(media.ptime === undefined ? [] : [`a=ptime:${media.ptime}`]),
    ...(media.maxptime === undefined ? [] : [`a=maxptime:${media.maxptime}`]),
    ...valueLine("mid", media.mid),
    ...valueLine("label", media.label),
    ...valueLine("content", media.content),
    ...attributeLines(media),
    ...media.ssrcs.map(({ ssrc, attribute, value }) => `a=ssrc:${ssrc} ${attribute}${value === undefined ? "" : `:${value}`}`),
    ...(media.rtcp ? [`a=rtcp:${media.rtcp.port}${media.rtcp.connection ? ` ${net(media.rtcp.connection)}` : ""}`] : []),
    ...(media.rtcpMux ? ["a=rtcp-mux"] : []),
    ...(media.direction ? [`a=${media.direction}`] : []),
  ];
}

function sectionLines({ connection, bandwidths }: Pick<SdpSession, "connection" | "bandwidths">): string[] {
  return [...(connection ? [`c=${net(connection)}`] : []), ...bandwidths.map(({ type, value }) => `b=${type}:${value}`)];
}

function formatLines({ payloadType, codec, clockRate, channels, fmtp, feedback }: SdpFormat): string[] {
  const rate = clockRate === undefined ? "" : `/${clockRate}${channels === undefined ? "" : `/${channels}`}`;
  return [
    ...(codec === undefined ? [] : [`a=rtpmap:${payloadType} ${codec}${rate}`]),
    ...(fmtp === undefined ? [] : [`a=fmtp:${payloadType} ${fmtp}`]),
    ...feedback.map((value) => `a=rtcp-fb:${payloadType} ${value}`),
  ];
}

function fingerprintLines({ setup, fingerprints }: Pick<SdpSession, "setup" | "fingerprints">): string[] {
  return [...fingerprints.map(({ hash, value }) => `a=fingerprint:${hash} ${value}`), ...valueLine("setup", setup)];
}

function attributeLines({ attributes }: Pick<SdpSession, "attributes">): string[] {
  return attributes.map(({ name, value }) => `a=${name}${value === undefined ? "" : `:${value}`}`);
}

function valueLine(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [`a=${name}:${value}`];
}

function net({ ipVersion, address }: SdpConnection): string {
  return `IN IP${ipVersion} ${address}`;
}
