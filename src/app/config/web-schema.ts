import { z } from "zod";
import { flag, network, oneOf, port, section, text, textLike } from "./values.ts";

const iceServer = z
  .strictObject({
    urls: z
      .array(textLike(/^(?:stuns?|turns?):[^\s]+$/, "a stun:, turn: or turns: URL"))
      .min(1, { error: "expected at least one URL" })
      .describe("`stun:host:port`, `turn:host:port?transport=udp`, `turns:host:port?transport=tcp`."),
    username: text().optional().describe("Name for the TURN server."),
    credential: text().optional().describe("Its password; better {env: NAME} or {file: path}. Every page gets it."),
    secret: text()
      .optional()
      .describe(
        "Shared with the TURN server instead of name and password (coturn's use-auth-secret): each page gets a name of its own, good for a day.",
      ),
  })
  .describe("A STUN or TURN server for browsers.");

const ice = section(
  {
    servers: z
      .array(iceServer)
      .default([])
      .describe("STUN and TURN servers that browsers are told of. The gateway asks the `stun:` ones for its own public address."),
    port: port(0).describe(
      "One UDP and TCP port by which browsers come that have no UDP (ICE-TCP), or reach us by TURN over TCP; 0 takes a free one of `media.ports`.",
    ),
    policy: oneOf(["all", "relay"])
      .default("all")
      .describe("`relay`: browsers send media through TURN servers only, where a firewall lets nothing else pass."),
  },
  "How browsers' media find their way (ICE).",
);

const metrics = section(
  {
    networks: z
      .array(network())
      .default(["127.0.0.0/8", "::1"])
      .describe("From where /metrics is read without a token. From elsewhere it takes an API token, of an operator or a viewer."),
    port: port(null).describe("A port of its own for /metrics, for the same networks and tokens; the web port then has none."),
  },
  "Who may read /metrics.",
);

export const webSection = section(
  {
    port: port(8080).describe("Admin API, operator console, meeting page and /metrics."),
    tls: flag(false).describe(
      "Serve HTTPS with the certificate of `certificates`. Without it the token crosses the network in clear: put a proxy in front, or stay on loopback.",
    ),
    callers: oneOf(["auto", "anyone", "verified", "off"])
      .default("auto")
      .describe(
        "Who may join from the meeting page: `anyone`; `verified`, those who bring a join token; `off`, there is no page. `auto` is `anyone` where `unknownCallers` are taken, `verified` otherwise.",
      ),
    origins: z
      .array(textLike(/^https?:\/\/[^/\s]+$/, "an origin like https://example.com"))
      .default([])
      .describe("Further origins whose pages may join meetings here. The gateway's own always may."),
    trustedProxies: z
      .array(network())
      .default([])
      .describe(
        "Reverse proxies in front of the web port, by address or network: their X-Forwarded-For or Forwarded, and X-Forwarded-Proto, are believed. The client is the right-most address that is none of them. A proxy must set the field it uses, not pass on its client's.",
      ),
    hosts: z
      .array(textLike(/^(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?$/, "a host name, or *.example.com"))
      .default([])
      .describe(
        "Names by which the web port is asked for; a request with another name as Host is answered 421 (DNS rebinding). Addresses, `localhost`, this machine's name, the names of the server certificate, of `advertise` and of `origins` are known already.",
      ),
    metrics,
    ice,
  },
  "The web listener.",
);
