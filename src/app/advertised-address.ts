import { advertised } from "../io/addresses.ts";
import type { Config } from "./config/config.ts";

/** The configuration with the address that peers are told to send media to, where it listens on all of them and names none: this machine's first, as for SIP. */
export function withToldAddress(config: Config): Config {
  const { listen, media } = config;
  if (media.advertise !== null || (listen !== "0.0.0.0" && listen !== "::")) return config;
  const [advertise] = advertised(undefined, { address: listen, port: 0 });
  return { ...config, media: { ...media, advertise } };
}
