import { randomUUID } from "node:crypto";
import { sameSecret } from "../../../base/secrets.ts";
import {
  apiResponse,
  authRequest,
  commandReply,
  disconnectNotice,
  type EslCommand,
  type EslEvent,
  type EslFormat,
  eventFrame,
  eventNameOf,
} from "../../../wire/esl/index.ts";
import type { Api } from "../api/types.ts";
import type { Channel } from "../channel/channel.ts";
import type { Core } from "../core.ts";
import { atoi, isTrue } from "../channel/variables.ts";

/** What an event socket session needs of the connection under it. */
export interface EslOutput {
  write(frame: string): void;
  /** Ends the connection after what was written has gone. */
  end(): void;
}

export interface EslSessionOptions {
  readonly core: Core;
  readonly api: Api;
  readonly output: EslOutput;
  readonly findChannel: (uuid: string) => Channel | undefined;
  /** Inbound: the password to ask for. */
  readonly password?: string;
  /** Outbound: the channel whose `socket` application made the connection. */
  readonly channel?: Channel;
}

/** One filter; `value` may be negated by a leading minus, or be a /pattern/. */
interface Filter {
  readonly header: string;
  readonly value: string;
}

/** How long an outbound connection stays after hangup when it was asked to linger, in seconds. */
const LINGER_SECONDS = 5;

/** One event socket connection, inbound or outbound: authentication, subscriptions, filters, commands (mod_event_socket.c). No sockets. */
export class EslSession {
  readonly #options: EslSessionOptions;
  readonly #core: Core;
  readonly #output: EslOutput;
  readonly #channel: Channel | undefined;
  #authed: boolean;
  #format: EslFormat = "plain";
  #listening = false;
  #all = false;
  readonly #events = new Set<string>();
  readonly #subclasses = new Set<string>();
  #filters: Filter[] = [];
  #ownEventsOnly: string | undefined;
  #linger: number | undefined;
  #closed = false;
  // Commands are answered in their order, although some take a while.
  #turn: Promise<void> = Promise.resolve();

  constructor(options: EslSessionOptions) {
    this.#options = options;
    this.#core = options.core;
    this.#output = options.output;
    this.#channel = options.channel;
    this.#authed = options.channel !== undefined;
  }

  /** Whether the client has shown the password (outbound connections need none). */
  get authenticated(): boolean {
    return this.#authed;
  }

  /** Greets an inbound client. */
  start(): void {
    if (!this.#authed) this.#output.write(authRequest);
  }

  /** The connection is gone. */
  close(): void {
    this.#closed = true;
  }

  /** The channel has hung up: takes leave of an outbound client. Returns after how many seconds the connection must be closed (0 is now). */
  channelEnded(): number {
    if (this.#linger !== undefined) {
      const seconds = this.#linger < 0 ? LINGER_SECONDS : this.#linger;
      this.#output.write(disconnectNotice(this.#channel?.uuid, seconds));
      return seconds;
    }
    this.#output.write(disconnectNotice(this.#channel?.uuid));
    return 0;
  }

  /** Sends an event that the client asked for. */
  deliver(event: EslEvent): void {
    if (this.#closed || !this.#listening || !this.#wants(event)) return;
    this.#output.write(eventFrame(event, this.#format));
  }

  #wants(event: EslEvent): boolean {
    const { name, subclass } = event;
    const subscribed = this.#all || (this.#events.has(name) && (name !== "CUSTOM" || subclass === "" || this.#subclasses.has(subclass)));
    if (!subscribed) return false;
    if (this.#ownEventsOnly !== undefined && event.headers.get("Unique-ID") !== this.#ownEventsOnly) return false;
    return this.#filters.length === 0 || passes(event, this.#filters);
  }

  /** Takes a command; its reply is written when its turn comes. */
  receive(command: EslCommand): void {
    this.#turn = this.#turn
      .then(() => (this.#closed ? undefined : this.#handle(command)))
      .catch((error: unknown) => {
        this.#core.log("error", "an event socket command failed", { command: command.verb, error: String(error) });
        this.#reply("-ERR command failed");
      });
  }

  #reply(text: string, extra?: Readonly<Record<string, string>>): void {
    if (!this.#closed) this.#output.write(commandReply(text, extra));
  }

  async #handle(command: EslCommand): Promise<void> {
    const { verb } = command;
    if (verb === "exit" || verb === "...") {
      this.#reply("+OK bye");
      this.#output.write(disconnectNotice(undefined));
      this.#output.end();
      return;
    }
    if (!this.#authed) {
      this.#authenticate(command);
      return;
    }
    const text = await this.#run(command);
    if (text !== undefined) this.#reply(text);
  }

  /** Runs a command of an authenticated client; its reply, or undefined when it has replied itself. */
  #run(command: EslCommand): string | undefined | Promise<undefined> {
    const { verb, args } = command;
    switch (verb) {
      case "connect":
        return this.#connect();
      case "event":
        return this.#subscribe(args);
      case "nixevent":
        return this.#unsubscribe(args);
      case "noevents":
        return this.#noEvents();
      case "myevents":
        return this.#myEvents(args);
      case "filter":
        return this.#filter(args);
      case "sendmsg":
        return this.#sendmsg(command);
      case "sendevent":
        return this.#sendevent(command);
      case "api":
        return this.#api(command);
      case "bgapi":
        return this.#bgapi(command);
      case "linger":
        this.#linger = args === "" ? -1 : atoi(args);
        return this.#linger < 0 ? "+OK will linger" : `+OK will linger ${this.#linger} seconds`;
      case "nolinger":
        this.#linger = undefined;
        return "+OK will not linger";
      case "getvar":
        return this.#channel?.variables.get(args) ?? "";
      case "divert_events":
        return `+OK events ${/^on/i.test(args) ? "" : "not "}diverted`;
      case "resume":
        return "+OK";
      case "log":
        return `+OK log level ${args} [7]`;
      case "nolog":
        return "+OK no longer logging";
      default:
        return "-ERR command not found";
    }
  }

  #authenticate({ verb, args }: EslCommand): void {
    if (verb !== "auth" || !sameSecret(args, this.#options.password ?? "")) {
      this.#reply(verb === "auth" ? "-ERR invalid" : "-ERR command not found");
      if (verb === "auth") {
        this.#output.write(disconnectNotice(undefined));
        this.#output.end();
      }
      return;
    }
    this.#authed = true;
    this.#reply("+OK accepted");
  }

  #connect(): undefined {
    const data = this.#core.event("CHANNEL_DATA", "socket");
    this.#channel?.describeForConnect(data);
    data.set("Content-Type", "command/reply").set("Reply-Text", "+OK\n").set("Socket-Mode", "async").set("Control", "full");
    this.#output.write(data.toPlain());
    return undefined;
  }

  #subscribe(args: string): string {
    let custom = false;
    let known = 0;
    for (const [i, word] of args.split(/\s+/).entries()) {
      if (i === 0 && /^(plain|json|xml)$/i.test(word)) this.#format = word.toLowerCase() as EslFormat;
      else if (custom) this.#subclasses.add(word);
      else {
        const name = eventNameOf(word);
        if (name === undefined) continue;
        known++;
        if (name === "ALL") this.#all = true;
        else this.#events.add(name);
        custom = name === "CUSTOM";
      }
    }
    if (known === 0) return "-ERR no keywords supplied";
    this.#listening = true;
    return `+OK event listener enabled ${this.#format}`;
  }

  #unsubscribe(args: string): string {
    let custom = false;
    let known = 0;
    for (const word of args.split(/\s+/)) {
      if (custom) {
        this.#subclasses.delete(word);
        continue;
      }
      const name = eventNameOf(word);
      if (name === undefined) continue;
      known++;
      if (name === "ALL") {
        this.#all = false;
        this.#events.clear();
      }
      this.#events.delete(name);
      custom = name === "CUSTOM";
    }
    return known === 0 ? "-ERR no keywords supplied" : `+OK event listener enabled ${this.#format}`;
  }

  #noEvents(): string {
    this.#listening = this.#all = false;
    this.#events.clear();
    this.#subclasses.clear();
    return "+OK no longer listening for events";
  }

  #myEvents(args: string): string {
    const words = args.split(/\s+/).filter((word) => word !== "");
    const format = words.find((word) => /^(plain|json|xml)$/i.test(word));
    const uuid = this.#channel?.uuid ?? words.find((word) => word !== format);
    if (uuid === undefined || !this.#options.findChannel(uuid)) return "-ERR invalid uuid";
    if (format) this.#format = format.toLowerCase() as EslFormat;
    this.#ownEventsOnly = uuid;
    this.#listening = this.#all = true;
    return "+OK Events Enabled";
  }

  #filter(args: string): string {
    const [first = "", ...rest] = args.split(" ");
    const deleting = /^delete$/i.test(first);
    const adding = /^add$/i.test(first);
    const header = deleting || adding ? (rest.shift() ?? "") : first;
    const value = rest.join(" ");
    if (header === "" || (!deleting && value === "")) return "-ERR invalid syntax";
    if (deleting) {
      const matches = (filter: Filter) => filter.header.toLowerCase() === header.toLowerCase() && (value === "" || filter.value === value);
      this.#filters = /^all$/i.test(header) ? [] : this.#filters.filter((filter) => !matches(filter));
      return `+OK filter deleted. [${header}][${value}]`;
    }
    this.#filters.push({ header, value });
    return `+OK filter added. [${header}]=[${value}]`;
  }

  #sendmsg({ args, headers, body }: EslCommand): string {
    const uuid = args.trim() || headers.get("session-id");
    const channel = uuid ? this.#options.findChannel(uuid) : this.#channel;
    if (!channel) return `-ERR invalid session id [${uuid ?? ""}]`;
    const command = headers.get("call-command")?.toLowerCase();
    if (command === "execute") {
      const app = headers.get("execute-app-name");
      if (app === undefined) return "-ERR no application";
      // Long arguments come as the body.
      const arg = headers.get("execute-app-arg") ?? body ?? "";
      const appUuid = headers.get("event-uuid");
      const loops = atoi(headers.get("loops"));
      channel.executor.run({
        app,
        arg,
        locked: isTrue(headers.get("event-lock")),
        ...(appUuid === undefined ? {} : { uuid: appUuid }),
        ...(loops > 1 ? { loops } : {}),
      });
    } else if (command === "hangup") channel.executor.run({ app: "hangup", arg: headers.get("hangup-cause") ?? "NORMAL_CLEARING" });
    else return `-ERR unknown call-command [${command ?? ""}]`;
    return "+OK";
  }

  #sendevent({ args, headers, body }: EslCommand): string {
    const name = eventNameOf(args.trim()) ?? "GENERAL";
    const event = this.#core.event(name, "sendevent", headers.get("event-subclass"));
    const uuid = randomUUID();
    event.set("Event-UUID", uuid);
    for (const [key, value] of headers) if (!/^(content-length|event-name|event-subclass)$/.test(key)) event.set(key, value);
    if (body !== undefined) event.body = body;
    this.#core.fire(event);
    return `+OK ${uuid}`;
  }

  async #api({ args }: EslCommand): Promise<undefined> {
    const answer = await this.#options.api.run(args);
    if (!this.#closed) this.#output.write(apiResponse(answer));
    return undefined;
  }

  #bgapi({ args, headers }: EslCommand): undefined {
    const job = headers.get("job-uuid") ?? randomUUID();
    this.#reply(`+OK Job-UUID: ${job}`, { "Job-UUID": job });
    void this.#options.api.run(args).then((answer) => {
      const [command = "", ...rest] = args.split(" ");
      const event = this.#core.event("BACKGROUND_JOB", "bgapi");
      event
        .set("Job-UUID", job)
        .set("Job-Command", command)
        .set("Job-Command-Arg", rest.join(" ") || undefined);
      event.body = answer;
      this.#core.fire(event);
    });
    return undefined;
  }
}

/** mod_event_socket's filters: one that matches lets the event through, a negated one that matches keeps it back. */
function passes(event: EslEvent, filters: readonly Filter[]): boolean {
  let send = false;
  for (const { header, value } of filters) {
    const actual = event.get(header);
    if (actual === undefined) continue;
    const positive = !/^[+ ]*-/.test(value);
    if (send && positive) continue;
    const wanted = value.replace(/^[+\- ]+/, "");
    if (!matches(actual, wanted)) continue;
    if (!positive) return false;
    send = true;
  }
  return send;
}

function matches(actual: string, wanted: string): boolean {
  const pattern = /^\/(.*)\/([i]*)$/s.exec(wanted);
  if (!pattern) return actual.toLowerCase() === wanted.toLowerCase();
  try {
    return new RegExp(pattern[1] ?? "", pattern[2]).test(actual);
  } catch {
    return false;
  }
}
