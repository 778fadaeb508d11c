/** A call's messages as a ladder: one column for the gateway, one for each far end, an arrow a message. */
import type { NumberedMessage } from "../../trace/index.ts";
import { cutTo, pad, widthOf } from "./text-width.ts";

export interface LadderOptions {
  /** Columns of the terminal. */
  readonly width: number;
  /** False: ASCII alone, for terminals that have no more. */
  readonly unicode: boolean;
}

interface Lane {
  readonly key: string;
  readonly title: string;
  readonly detail: string;
}

const GATEWAY: Lane = { key: "", title: "crosspoint", detail: "" };
const TIME = 13;
const LEAST = 16;
const MOST = 38;

/** Remembers who has been seen, so that messages that come later find their column. */
export class Ladder {
  readonly #options: LadderOptions;
  readonly #marks: {
    readonly line: string;
    readonly dash: string;
    readonly right: string;
    readonly left: string;
    readonly ellipsis: string;
  };
  /** The first far end, the gateway, the other far ends. */
  #lanes: Lane[] = [];

  constructor(options: LadderOptions) {
    this.#options = options;
    this.#marks = options.unicode
      ? { line: "│", dash: "─", right: "▶", left: "◀", ellipsis: "…" }
      : { line: "|", dash: "-", right: ">", left: "<", ellipsis: "~" };
  }

  /** Lines for further messages, by their time; with the titles before them where somebody new is in them. */
  add(messages: readonly NumberedMessage[]): string[] {
    const ordered = [...messages].sort((a, b) => a.at - b.at || a.sequence - b.sequence);
    const before = this.#lanes.length;
    for (const message of ordered) this.#laneOf(message);
    const titles = this.#lanes.length > before ? this.#titles() : [];
    return [...titles, ...ordered.map((message) => this.#arrow(message))];
  }

  #laneOf(message: NumberedMessage): number {
    const lane = laneOf(message);
    const known = this.#lanes.findIndex(({ key }) => key === lane.key);
    if (known >= 0) return known;
    this.#lanes.push(lane);
    if (this.#lanes.length === 1) this.#lanes.push(GATEWAY);
    return this.#lanes.indexOf(lane);
  }

  get #column(): number {
    return Math.max(LEAST, Math.min(MOST, Math.floor((this.#options.width - TIME) / this.#lanes.length)));
  }

  #titles(): string[] {
    const row = (text: (lane: Lane) => string): string =>
      trimmed(" ".repeat(TIME) + this.#lanes.map((lane) => this.#centred(text(lane))).join(""));
    return ["", row(({ title }) => title), row(({ detail }) => detail)];
  }

  #centred(text: string): string {
    const column = this.#column;
    const shown = cutTo(this.#plain(text), column - 1, this.#marks.ellipsis);
    return pad(" ".repeat(Math.max(0, Math.floor((column - widthOf(shown)) / 2))) + shown, column);
  }

  #arrow(message: NumberedMessage): string {
    const column = this.#column;
    const { line, dash, right, left, ellipsis } = this.#marks;
    const centre = (lane: number): number => lane * column + Math.floor(column / 2);
    const far = this.#laneOf(message);
    const gateway = this.#lanes.indexOf(GATEWAY);
    const [from, to] = message.direction === "in" ? [far, gateway] : [gateway, far];
    const [start, end] = [centre(Math.min(from, to)), centre(Math.max(from, to))];
    const room = end - start - 1;
    const label = cutTo(this.#plain(message.summary), room - 4, ellipsis);
    const dashes = room - 1 - widthOf(label) - 2;
    const leading = Math.floor(dashes / 2);
    const shaft = `${dash.repeat(leading)} ${label} ${dash.repeat(dashes - leading)}`;
    const arrow = from < to ? `${shaft}${right}` : `${left}${shaft}`;
    let row = "";
    for (const [lane] of this.#lanes.entries()) {
      const at = centre(lane);
      if (at === start) row = `${pad(row, at)}${line}${arrow}`;
      else if (at < start || at >= end) row = `${pad(row, at)}${line}`;
    }
    return trimmed(pad(timeOf(message.at), TIME) + row);
  }

  #plain(text: string): string {
    if (this.#options.unicode) return text;
    let out = "";
    for (const c of text) out += c > "~" ? "?" : c;
    return out;
  }
}

/** A SIP dialog's far end, an H.323 host whatever the port, the media server's event socket. */
function laneOf({ protocol, leg, remote, transport }: NumberedMessage): Lane {
  if (protocol === "esl") return { key: "esl", title: "event socket", detail: "media server" };
  if (protocol === "sip") return { key: leg, title: remote, detail: `sip/${transport}` };
  const host = remote.slice(0, remote.lastIndexOf(":"));
  return { key: `h323 ${host}`, title: host, detail: "h323" };
}

/** Time of day, local, to the millisecond. */
function timeOf(at: number): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function trimmed(text: string): string {
  return text.trimEnd();
}
