import type { Channel } from "../channel/channel.ts";
import type { RunContext, Runnable } from "../channel/executor.ts";

/** What a dialplan application gets to run. */
export type ApplicationContext = RunContext<Channel>;

/** A dialplan application. */
export type Application = Runnable<Channel>;
