const names = [
  /** Media packets taken and sent, retransmissions among them, and their octets as they are on the wire above UDP. */
  "packetsIn",
  "octetsIn",
  "packetsOut",
  "octetsOut",
  /** Lost on the way to us, before repair; and by far ends' reports, of what we sent. */
  "lostIn",
  "lostOut",
  /** Packets asked for again, by us and of us; those that came then, and those that were sent. */
  "nackedIn",
  "nackedOut",
  "repairedIn",
  "repairedOut",
  /** Key frames asked for, of far ends and by them; those that came. */
  "keyFramesAsked",
  "keyFramesWanted",
  "keyFrames",
  /** Pictures that took another's place: at a key frame, or without one, since none came. */
  "switches",
  "forcedSwitches",
  /** Pictures sent that stood still for more than half a second. */
  "freezes",
  /** Lines cut, since far more came than was agreed. */
  "cuts",
  /** Datagrams not looked at further: not authentic; seen before; from elsewhere; of a line that is cut; of nothing agreed; more RTCP than may be. */
  "unauthenticated",
  "replayed",
  "strangers",
  "overRate",
  "unexpected",
  "rtcpOverRate",
] as const;

/** What the lines of one thread have counted; each number grows until {@link takeCounts}. */
export type VideoCounts = Record<(typeof names)[number], number>;

export function noCounts(): VideoCounts {
  return Object.fromEntries(names.map((name) => [name, 0])) as VideoCounts;
}

/** Adds `more` to `counts`. */
export function addCounts(counts: VideoCounts, more: VideoCounts): void {
  for (const name of names) counts[name] += more[name];
}

/** What has been counted since this was last asked. */
export function takeCounts(counts: VideoCounts): VideoCounts {
  const taken = { ...counts };
  for (const name of names) counts[name] = 0;
  return taken;
}

/** One thread of the relay. */
export interface RelayThreadFigures {
  readonly up: boolean;
  readonly lines: number;
  readonly deaths: number;
  /** Time it has worked, not waited. */
  readonly busyMs: number;
  /** How late its clock was at worst, within the last second or so: everything it has to do waits as long. */
  readonly lateMs: number;
}

/** The relay as a whole, a second old at most. */
export interface RelayFigures {
  readonly counts: Readonly<VideoCounts>;
  readonly threads: readonly RelayThreadFigures[];
}
