import type { Channel } from "../channel.ts";
import type { RunContext, Runnable } from "../executor.ts";

/** What a dialplan application gets to run. */
export type ApplicationContext = RunContext<Channel>;

/** A dialplan application. */
export type Application = Runnable<Channel>;
