/** The adapters of src/sfu, each as a gateway is set up with it: what a contract test runs on. */
import { startJanus } from "./janus.ts";
import type { PeerName } from "./peer-packages.ts";

export interface SfuUnderTest {
  /** Settings of the gateway. */
  readonly set: readonly string[];
  stop(): Promise<void>;
}

export interface SfuAdapter {
  /** Programs it needs. */
  readonly peers: readonly PeerName[];
  /** Starts what it speaks with: `port` is free for that, and 600 UDP ports from `media`. */
  start(port: number, media: number): Promise<SfuUnderTest>;
}

/** By the name of the adapter's folder, which is its name in the configuration; `module` is the example's, which no line of src names. */
export const SFU_ADAPTERS: Readonly<Record<string, SfuAdapter>> = {
  conference: {
    peers: [],
    start: () => Promise.resolve({ set: ["sfu=conference"], stop: () => Promise.resolve() }),
  },
  janus: {
    peers: ["janus"],
    start: async (port, media) => {
      const janus = await startJanus({ port, media });
      return {
        set: ["sfu=janus", `janus.url=${janus.url}`, `janus.adminKey=${janus.adminKey}`, "janus.mediaHost=127.0.0.1"],
        stop: () => janus.stop(),
      };
    },
  },
  module: {
    peers: [],
    start: () => Promise.resolve({ set: ["sfu=./examples/sfu-adapter.ts"], stop: () => Promise.resolve() }),
  },
};
