/** The client side of TLS: for each trunk the CAs it is verified by, the certificate that is shown, and the judgement of who answers. */
import { connect, type ConnectionOptions, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import { type Fault, formatFault, nameOfCertificate } from "../security/certificates/faults.ts";
import { judgeStaple, type OcspPolicy } from "../security/certificates/ocsp.ts";
import { matchesHost, matchesNames, matchesSipDomain } from "../security/certificates/names.ts";
import { handshakeWords } from "./tls-session.ts";
import type { PeerCertificate } from "../wire/sip/peer-certificate.ts";
import {
  calleeTrust,
  clientContextOptions,
  type PeerTrust,
  peerCertificateOf,
  certificatesOf,
  type TlsSettings,
  type TlsTrunk,
} from "./tls.ts";

interface Client {
  readonly context: SecureContext;
  readonly trust: PeerTrust;
  readonly roots: ReadonlySet<string>;
  readonly trunk: TlsTrunk | undefined;
}

/** What is called: a SIP domain (RFC 5922), or a host (RFC 6125). */
export type Called = { readonly domain: string } | { readonly host: string };

export class TlsClients {
  readonly #verify: boolean;
  readonly #common: Client;
  readonly #trunks = new Map<string, Client>();
  /** OCSP responses that have come with a handshake. */
  readonly #staples = new WeakMap<TLSSocket, Buffer>();

  /** Throws when certificates and keys do not fit together, or cannot be read. */
  constructor(settings: TlsSettings) {
    this.#verify = settings.verifyServers !== false;
    this.#common = clientOf(settings, undefined);
    for (const [name, trunk] of Object.entries(settings.trunks ?? {})) this.#trunks.set(name, clientOf(settings, trunk));
  }

  /** Opens a connection for a trunk; for nobody in particular without one, or for one that has nothing of its own. */
  connect(where: ConnectionOptions, trunk: string | undefined): TLSSocket {
    const client = this.#of(trunk);
    const socket = connect({
      ...where,
      secureContext: client.context,
      requestOCSP: policyOf(client) !== "off",
      // Judged once the handshake is done, where the whole certificate can be seen, and before anything is sent.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    // It comes before `secureConnect`; null where the server has none.
    socket.once("OCSPResponse", (response: Buffer | null) => {
      if (response !== null && response.length > 0) this.#staples.set(socket, response);
    });
    return socket;
  }

  /** Who answers, and why he is not the one that was called. */
  judge(
    socket: TLSSocket,
    called: Called,
    trunk: string | undefined,
  ): { readonly peer: PeerCertificate | undefined; readonly fault: Fault | undefined } {
    const client = this.#of(trunk);
    const peer = peerCertificateOf(socket, client.trust, "server");
    return { peer, fault: this.#verify ? (faultOf(peer, called, client.trunk) ?? this.#statusFault(socket, client)) : undefined };
  }

  /**
   * Why a connection that was judged good when it was opened, under other settings maybe, would not be now. Its OCSP response is not looked at again: it was to show
   * the certificate good at the handshake, and has run out since.
   */
  judgeAgain(socket: TLSSocket, called: Called, trunk: string | undefined): Fault | undefined {
    if (!this.#verify) return undefined;
    const client = this.#of(trunk);
    return faultOf(peerCertificateOf(socket, client.trust, "server"), called, client.trunk);
  }

  /** What the OCSP response that has come with the certificate says against it, or that a trunk demands one. */
  #statusFault(socket: TLSSocket, client: Client): Fault | undefined {
    const policy = policyOf(client);
    const shown = certificatesOf(socket);
    if (policy === "off" || shown === undefined) return undefined;
    const { leaf, presented } = shown;
    const name = nameOfCertificate(leaf);
    const response = this.#staples.get(socket);
    const { anchors, lists } = client.trust;
    const verdict = response && judgeStaple(response, { leaf, issuers: [...anchors, ...presented], lists, now: Date.now() });
    if (verdict?.status === "revoked")
      return {
        code: "certificate-revoked",
        words: `the certificate ${name} is revoked by the OCSP response that came with it: the far end needs a new one`,
      };
    if (policy === "if-present" || verdict?.status === "good") return undefined;
    const what =
      verdict === undefined ? "comes without an OCSP response" : `is not shown to be good: the stapled OCSP response ${verdict.words}`;
    return {
      code: "certificate-status-missing",
      words: `the certificate ${name} ${what}; the trunk has identity.ocsp: required, so the far end must staple a fresh one`,
    };
  }

  /** Whether a connection with this peer, whoever opened it, may also carry requests to that domain for the trunk (RFC 5923 section 8). */
  serves(peer: PeerCertificate | undefined, domain: string, trunk: string | undefined): boolean {
    if (!this.#verify) return true;
    const client = this.#of(trunk);
    // Nothing has been stapled there that was asked for by this trunk.
    if (policyOf(client) === "required") return false;
    return (
      peer?.verified === true &&
      peer.roots.some((root) => client.roots.has(root)) &&
      nameFault(peer, { domain }, client.trunk) === undefined
    );
  }

  #of(trunk: string | undefined): Client {
    return (trunk === undefined ? undefined : this.#trunks.get(trunk)) ?? this.#common;
  }
}

const policyOf = ({ trunk }: Client): OcspPolicy => trunk?.ocsp ?? "off";

function clientOf(settings: TlsSettings, trunk: TlsTrunk | undefined): Client {
  const trust = calleeTrust(settings, trunk);
  const roots = new Set(trust.anchors.map(({ fingerprint256 }) => fingerprint256.replaceAll(":", "").toLowerCase()));
  return { context: createSecureContext(clientContextOptions(settings, trunk)), trust, roots, trunk };
}

function faultOf(peer: PeerCertificate | undefined, called: Called, trunk: TlsTrunk | undefined): Fault | undefined {
  if (peer === undefined) return { code: "certificate-absent", words: "the far end showed no certificate" };
  if (!peer.verified) return peer.fault as Fault;
  return nameFault(peer, called, trunk);
}

/** A SIP peer may carry the domain that is called or a name of the trunk's; an H.323 peer, where its trunk has names, one of those. */
function nameFault(peer: PeerCertificate, called: Called, trunk: TlsTrunk | undefined): Fault | undefined {
  const names = trunk?.names;
  const named = names !== undefined && matchesNames(peer, names, true);
  const fits =
    "domain" in called ? named || matchesSipDomain(peer, called.domain) : names === undefined ? matchesHost(peer, called.host) : named;
  if (fits) return undefined;
  const wanted = [...new Set("domain" in called ? [called.domain, ...(names ?? [])] : (names ?? [called.host]))];
  const shown = [...peer.san, ...(peer.commonName ? [`CN=${peer.commonName}`] : [])].slice(0, 4).join(", ") || "no name that counts";
  return {
    code: "certificate-name",
    words: `the far end's certificate has another name: it carries ${shown}, and not ${wanted.slice(0, 4).join(" or ")}, which was called`,
  };
}

/** What the far end says, by a TLS alert (RFC 8446 section 6.2), of the certificate that we have shown, or have not. */
const ALERTS: Readonly<Record<string, string>> = {
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "it demands a certificate and we have shown none: set clientCertificate",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "it calls our certificate bad: compare what it demands with `crosspoint certs show`",
  ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    "it does not take our certificate's kind: it may lack the purpose clientAuth; set clientCertificate to one that has it",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: "it says that our certificate is revoked",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "it says that our certificate has expired",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: "it does not accept our certificate",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "it does not know the CA of our certificate: have it trust that CA, and send the whole chain",
  ERR_SSL_TLSV1_ALERT_ACCESS_DENIED: "it knows our certificate and lets us not in",
};

/** The fault in an error of a connection that we opened, as text that `readFault` reads; its message where it is another. */
export function reasonOf(error: NodeJS.ErrnoException): string {
  const words = ALERTS[error.code ?? ""];
  return words === undefined
    ? handshakeWords(error)
    : formatFault({ code: "certificate-refused", words: `the far end refused the connection: ${words}` });
}
