import { randomUUID } from "node:crypto";
import type { Core } from "../core.ts";
import type { Variables } from "./variables.ts";

/** What an application gets to run on a host (a channel). */
export interface RunContext<Host> {
  readonly channel: Host;
  /** Its argument, variables expanded. */
  readonly arg: string;
  /** What breaks it off: hangup, uuid_break, a transfer. Called at once when it is broken off already. */
  onBreak(fn: () => void): void;
}

/** An application. */
export interface Runnable<Host> {
  /** Takes time: commands that arrive meanwhile run inside it. */
  readonly long?: boolean;
  /** Resolves to Application-Response, undefined for none. */
  run(context: RunContext<Host>): Promise<string | undefined> | string | undefined;
}

/** What an executor needs of its channel. */
export interface ExecutorHost {
  readonly uuid: string;
  readonly core: Core;
  readonly variables: Variables;
  readonly isUp: boolean;
  readonly endsWithApplication: boolean;
  fire(name: string, headers: Readonly<Record<string, string | undefined>>): void;
  hangup(cause: string): void;
}

/** One command to run an application. */
export interface Execution {
  readonly app: string;
  readonly arg: string;
  /** Application-UUID of its events; made up when absent. */
  readonly uuid?: string;
  /** event-lock: only when nothing else runs. Else it runs at once, on top of what runs (which pauses). */
  readonly locked?: boolean;
  readonly loops?: number;
}

/**
 * Runs a channel's applications. As in FreeSWITCH, a command that arrives while one runs (playback, conference) is executed inside it; with
 * event-lock it waits for its turn. Every one is announced by CHANNEL_EXECUTE and CHANNEL_EXECUTE_COMPLETE.
 */
export class Executor<Host extends ExecutorHost> {
  readonly #channel: Host;
  readonly #find: (name: string) => Runnable<Host> | undefined;
  readonly #waiting: Execution[] = [];
  /** Running, the innermost last. Each has a way to be broken off. */
  readonly #running: Frame[] = [];
  #chain: Promise<void> = Promise.resolve();
  #idle: (() => void)[] = [];
  #stopped = false;

  /** `find` knows the applications. */
  constructor(channel: Host, find: (name: string) => Runnable<Host> | undefined) {
    this.#channel = channel;
    this.#find = find;
  }

  /** How many applications run, one inside the other. */
  get depth(): number {
    return this.#running.length;
  }

  /** Name of the application that runs innermost. */
  get current(): string | undefined {
    return this.#running.at(-1)?.execution.app;
  }

  /** Takes a command. Commands that arrive together are begun in their order. */
  run(execution: Execution): void {
    if (this.#stopped) return;
    if (execution.locked && this.#running.length > 0) {
      this.#waiting.push(execution);
      return;
    }
    // Short applications (set, export, ...) complete before the next one begins; long ones are nested into.
    this.#chain = this.#chain.then(() => this.#begin(execution));
  }

  /** Breaks off the innermost application, or with `all` every one and what waits. */
  break(all = false): void {
    if (all) this.#waiting.length = 0;
    const frames = all ? [...this.#running].reverse() : this.#running.slice(-1);
    for (const frame of frames) frame.interrupt();
  }

  /** The call is over: break everything off, take nothing more. */
  stop(): void {
    this.#stopped = true;
    this.break(true);
  }

  /** Resolves when nothing runs. */
  idle(): Promise<void> {
    if (this.#running.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Begins an execution; resolves when it is done, or when it has become a long one that others may nest into. */
  async #begin(execution: Execution): Promise<void> {
    const channel = this.#channel;
    if (this.#stopped) return;
    const app = this.#find(execution.app);
    if (!app) {
      channel.core.log("warn", "invalid application", { uuid: channel.uuid, app: execution.app });
      channel.hangup("DESTINATION_OUT_OF_ORDER");
      return;
    }
    const frame = new Frame(execution);
    this.#running.push(frame);
    const arg = channel.variables.expand(execution.arg);
    const uuid = execution.uuid ?? randomUUID();
    const { variables } = channel;
    variables.set("current_application", execution.app);
    variables.set("current_application_data", arg);
    variables.set("current_application_response", undefined);
    channel.fire("CHANNEL_EXECUTE", { Application: execution.app, "Application-Data": arg || undefined, "Application-UUID": uuid });
    const done = this.#runToEnd(app, frame, arg, uuid);
    await (app.long ? Promise.resolve() : done);
  }

  async #runToEnd(app: Runnable<Host>, frame: Frame, arg: string, uuid: string): Promise<void> {
    const channel = this.#channel;
    let response = "_none_";
    try {
      for (let loop = Math.max(1, frame.execution.loops ?? 1); loop > 0 && channel.isUp && !frame.broken; loop--) {
        response = (await app.run({ channel, arg, onBreak: (fn) => frame.onBreak(fn) })) ?? "_none_";
      }
    } catch (error) {
      channel.core.log("error", "an application failed", { uuid: channel.uuid, app: frame.execution.app, error: String(error) });
      response = "-ERR";
    }
    const at = this.#running.indexOf(frame);
    if (at !== -1) this.#running.splice(at, 1);
    channel.variables.set("current_application_response", response === "_none_" ? undefined : response);
    channel.fire("CHANNEL_EXECUTE_COMPLETE", {
      Application: frame.execution.app,
      "Application-Data": arg || undefined,
      "Application-Response": response,
      "Application-UUID": uuid,
    });
    this.#after();
  }

  #after(): void {
    if (this.#running.length > 0) return;
    const next = this.#waiting.shift();
    if (next && !this.#stopped) {
      this.run(next);
      return;
    }
    for (const resolve of this.#idle.splice(0)) resolve();
    if (this.#channel.endsWithApplication && this.#channel.isUp) this.#channel.hangup("NORMAL_CLEARING");
  }
}

/** An application that runs, and how to break it off. */
class Frame {
  readonly execution: Execution;
  broken = false;
  #interrupts: (() => void)[] = [];

  constructor(execution: Execution) {
    this.execution = execution;
  }

  onBreak(fn: () => void): void {
    if (this.broken) fn();
    else this.#interrupts.push(fn);
  }

  interrupt(): void {
    this.broken = true;
    for (const fn of this.#interrupts.splice(0)) fn();
  }
}
