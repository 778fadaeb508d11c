/** What a participant's far end sends of its camera, and what it can be shown: RTP encoding names. */
export interface PictureCodecs {
  /** Null while it sends none. */
  readonly sends: string | null;
  readonly takes: readonly string[];
}

/** Whom a participant's camera cannot be shown to, and whose it cannot be shown, for want of a codec in common. */
export interface CodecGaps {
  readonly notSeenBy: readonly string[];
  readonly doesNotSee: readonly string[];
}

export const NO_GAPS: CodecGaps = { notSeenBy: [], doesNotSee: [] };

/** Nothing is transcoded: who sees whom, by participant. Who takes no pictures at all misses none. Those who are in everybody's sight are left out. */
export function codecGaps(codecs: ReadonlyMap<string, PictureCodecs>): ReadonlyMap<string, CodecGaps> {
  const [viewers, senders] = [[...codecs].filter(([, { takes }]) => takes.length > 0), [...codecs]];
  const lacking = new Map([...new Set(senders.flatMap(([, { sends }]) => sends ?? []))].map((codec) => [codec, lackers(viewers, codec)]));
  const gaps = new Map<string, CodecGaps>();
  for (const [id, { sends, takes }] of senders) {
    const notSeenBy = (sends === null ? [] : lacking.get(sends)!).filter((other) => other !== id);
    const doesNotSee = everybodySeen(takes, lacking)
      ? []
      : senders.flatMap(([other, { sends: sent }]) => (other !== id && sent !== null && !takes.includes(sent) ? [other] : []));
    if (notSeenBy.length > 0 || doesNotSee.length > 0) gaps.set(id, { notSeenBy, doesNotSee });
  }
  return gaps;
}

function lackers(viewers: readonly (readonly [string, PictureCodecs])[], codec: string): string[] {
  return viewers.flatMap(([id, { takes }]) => (takes.includes(codec) ? [] : [id]));
}

function everybodySeen(takes: readonly string[], sent: ReadonlyMap<string, unknown>): boolean {
  return takes.length === 0 || [...sent.keys()].every((codec) => takes.includes(codec));
}
