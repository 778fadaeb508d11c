import { Agent } from "node:https";
import { rootCertificates } from "node:tls";
import { readIfThere, writePrivate } from "../files.ts";
import { type Challenge, type ChallengeKind, listenForChallenges, type Responder } from "./challenges.ts";

/** Keys of certificates: RSA is what every room system takes. */
export const acmeKeys = ["rsa-2048", "ecdsa-p256"] as const;

/** What is asked of which CA. */
export interface AcmeOrder {
  /** URL of the CA's directory (RFC 8555 section 7.1.1). */
  readonly directory: string;
  /** Names of the certificate; the first is its common name. */
  readonly domains: readonly string[];
  /** Where the CA writes to. */
  readonly email?: string | undefined;
  readonly challenge: ChallengeKind;
  /** A port of its own where the challenge is answered; none where absent. */
  readonly listen?: { readonly host: string; readonly port: number } | undefined;
  /** Listeners that are open anyway and answer challenges as well. With them it is no matter if `listen` cannot be opened. */
  readonly listeners?:
    | {
        /** What they are to answer from now on; nothing any more for an empty list. */
        show(challenges: readonly Challenge[]): Promise<void>;
        /** `listen` cannot be opened. */
        alone(error: Error): void;
      }
    | undefined;
  readonly key: (typeof acmeKeys)[number];
  /** CAs that the directory's own certificate is verified by, beside the public ones; PEM. */
  readonly ca?: string | undefined;
  /** File of the account's key, made where there is none, 0600. */
  readonly accountFile: string;
}

/** A certificate with its chain, and its new key; PEM. */
export interface AcmeCertificate {
  readonly chain: string;
  readonly key: string;
}

/** The whole takes so long at most, ms: a CA that does not answer is asked again later. */
const PATIENCE = 300_000;
/** One request, ms. */
const REQUEST = 30_000;

type Acme = typeof import("acme-client");

/**
 * Has a certificate issued by ACME (RFC 8555), with a key that is made for it alone. The account is found, or made, by its key; whoever configures this agrees to the
 * CA's terms. Rejects with the CA's words, or the system's error.
 */
export async function issueByAcme(order: AcmeOrder, patience = PATIENCE): Promise<AcmeCertificate> {
  // Loaded only here: it brings an HTTP client and an ASN.1 library.
  const acme = await import("acme-client");
  const agent = new Agent(order.ca === undefined ? {} : { ca: [...rootCertificates, order.ca] });
  Object.assign(acme.axios.defaults, { httpsAgent: agent, timeout: REQUEST, maxRedirects: 0, proxy: false });
  Object.assign((acme.axios.defaults as unknown as { acmeSettings: object }).acmeSettings, { retryMaxAttempts: 1, retryDefaultDelay: 1 });
  const responder = await respond(order);
  let timer: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`the CA has not issued within ${patience / 1000} s`)), patience);
    });
    return await Promise.race([ordered(acme, order, responder), late]);
  } finally {
    clearTimeout(timer);
    await responder.close();
    agent.destroy();
  }
}

/** Answers by the port of its own and by the listeners that are there. Rejects where neither does. */
async function respond({ challenge: kind, listen, listeners }: AcmeOrder): Promise<Responder> {
  if (listen === undefined && listeners === undefined) throw new Error(`nothing answers ${kind}: no port is configured for it`);
  const own =
    listen &&
    (await listenForChallenges(kind, listen.host, listen.port).catch((error: Error) => {
      if (listeners === undefined) throw error;
      listeners.alone(error);
      return undefined;
    }));
  const shown: Challenge[] = [];
  return {
    async add(challenge) {
      shown.push(challenge);
      await own?.add(challenge);
      await listeners?.show(shown);
    },
    async close() {
      await own?.close();
      // an engine that is gone answers nothing any more
      await listeners?.show([]).catch(() => {});
    },
  };
}

async function ordered(acme: Acme, order: AcmeOrder, responder: Responder): Promise<AcmeCertificate> {
  const { directory, email, challenge: kind } = order;
  const account = await accountKey(acme, order.accountFile);
  const client = new acme.Client({
    directoryUrl: directory,
    accountKey: account.key,
    backoffAttempts: 30,
    backoffMin: 1_000,
    backoffMax: 10_000,
  });
  await openAccount(client, email, account.made);
  const key = await (order.key === "rsa-2048" ? acme.crypto.createPrivateRsaKey(2048) : acme.crypto.createPrivateEcdsaKey("P-256"));
  const domains = order.domains.map((domain) => domain.toLowerCase());
  // A common name is 64 characters at most (RFC 5280 appendix A.1); where there is none the SAN says it all.
  const commonName = domains.find((domain) => domain.length <= 64);
  const [, csr] = await acme.crypto.createCsr({ ...(commonName ? { commonName } : {}), altNames: domains }, key);
  const chain = await client.auto({
    csr,
    // Whether we reach ourselves by our public name says nothing of whether the CA does.
    skipChallengeVerification: true,
    challengePriority: [kind],
    async challengeCreateFn(authorization, challenge, keyAuthorization) {
      const domain = authorization.identifier.value.toLowerCase();
      if (challenge.type !== kind) throw new Error(`the CA does not offer ${kind} for ${domain}`);
      await responder.add({
        domain,
        token: challenge.token,
        keyAuthorization,
        certificate: await certificateFor(acme, order, authorization, keyAuthorization),
      });
    },
    async challengeRemoveFn() {},
  });
  return { chain, key: key.toString() };
}

/** The self-signed certificate of RFC 8737 section 3, with a key that nothing else has. */
async function certificateFor(
  acme: Acme,
  { challenge }: AcmeOrder,
  authorization: Parameters<Acme["crypto"]["createAlpnCertificate"]>[0],
  keyAuthorization: string,
): Promise<{ cert: string; key: string } | undefined> {
  if (challenge !== "tls-alpn-01") return undefined;
  const [key, cert] = await acme.crypto.createAlpnCertificate(authorization, keyAuthorization, await acme.crypto.createPrivateEcdsaKey());
  return { cert: cert.toString(), key: key.toString() };
}

/** Finds the key's account, or makes one. A CA may refuse an update that changes nothing (RFC 8555 section 7.3.2), so an account that is there is only asked for. */
async function openAccount(client: InstanceType<Acme["Client"]>, email: string | undefined, isNew: boolean): Promise<void> {
  const contact = email === undefined ? {} : { contact: [`mailto:${email}`] };
  const found = isNew
    ? false
    : await client.createAccount({ onlyReturnExisting: true }).then(
        () => true,
        // the key may be another CA's account
        () => false,
      );
  if (!found) await client.createAccount({ termsOfServiceAgreed: true, ...contact });
  else if (email !== undefined) await client.updateAccount(contact);
}

async function accountKey(acme: Acme, file: string): Promise<{ readonly key: string; readonly made: boolean }> {
  const kept = readIfThere(file);
  if (kept !== null) return { key: kept, made: false };
  const made = (await acme.crypto.createPrivateEcdsaKey("P-256")).toString();
  writePrivate(file, made);
  return { key: made, made: true };
}
