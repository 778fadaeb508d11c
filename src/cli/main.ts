import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { version } from "../app/version.ts";
import type { CallOptions } from "./call.ts";
import type { AcmeCommand } from "./certs-acme.ts";
import type { CertsOptions } from "./certs.ts";
import type { DoctorOptions } from "./doctor.ts";
import type { TraceOptions } from "./trace.ts";

/** Exit codes of the contract. */
const usage = 2;

interface ConfigOptions {
  readonly config?: string;
  readonly set?: string[];
  readonly listen?: string;
  readonly json?: boolean;
}

const collect = (value: string, before: string[] = []): string[] => [...before, value];
const whole =
  (min: number, max: number) =>
  (value: string): number => {
    const number = Number(value);
    if (!Number.isInteger(number) || number < min || number > max)
      throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}`);
    return number;
  };
const loadOptions = ({ config, set, listen }: ConfigOptions) => ({ file: config, settings: set, listen });

/** Adds the options that say which configuration is meant. */
function configured(command: Command): Command {
  return command
    .option("--config <file>", "configuration file; the demo configuration where absent")
    .option("--set <key=value>", "sets one key, as web.port=18080; may be repeated", collect);
}

function program(): Command {
  const root = new Command("crosspoint").description("SIP and H.323 interop gateway").showHelpAfterError("(crosspoint --help tells more)");
  root.exitOverride();
  // who reads no further, as `head`, has what it wanted; a gateway whose log nobody reads goes on all the same
  root.hook("preAction", (_, command) => {
    if (command.name() === "start") return;
    process.stdout.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      process.exit();
    });
  });
  const done = (code: number): void => {
    process.exitCode = code;
  };

  configured(root.command("start").description("run the gateway"))
    .option("--listen <address>", "address of every listener")
    .action(async (options: ConfigOptions) => {
      const { main } = await import("../app/main.ts");
      // Not by exitCode: a worker or a library that still holds on to something must not keep a stopped gateway.
      process.exit(await main(loadOptions(options)));
    });

  configured(root.command("check").description("validate a configuration: every mistake with file, line and path"))
    .option("--json", "one JSON document")
    .option("--explain", "each trunk's keys in force: what is set, what its kind makes of it and why, what is left as it is")
    .option("--resolve", "look up the names of trunks and gatekeepers, to compare their addresses with allow and deny")
    .action(async (options: ConfigOptions & { explain?: boolean; resolve?: boolean }) =>
      done(await (await import("./check.ts")).check(loadOptions(options), options)),
    );

  const certs = root.command("certs").description("a development CA, certificates, requests, what expires when");
  const folder = new Option("--folder <folder>", "where the CA and the certificates are").default("certs");
  const key = new Option("--key <kind>", "kind of key").choices(["rsa-2048", "rsa-3072", "ecdsa-p256", "ecdsa-p384"]).default("rsa-2048");
  const days = (byDefault: number): Option => new Option("--days <days>", "validity").argParser(whole(1, 36_500)).default(byDefault);
  const san = new Option("--san <name>", "further name: DNS, IP address or URI; may be repeated").argParser(collect);
  certs
    .command("init")
    .description("make a development CA")
    .option("--name <name>", "its common name", "Crosspoint development CA")
    .option("--force", "replace a CA that is there")
    .addOption(folder)
    .addOption(key)
    .addOption(days(3650))
    .action(async (options: CertsOptions) => done(await (await import("./certs.ts")).init(options)));
  certs
    .command("issue <name>")
    .description("issue a certificate for servers and clients, signed by the CA")
    .option("--force", "replace one that is there")
    .addOption(folder)
    .addOption(key)
    .addOption(san)
    .addOption(days(825))
    .action(async (name: string, options: CertsOptions) => done(await (await import("./certs.ts")).issue(name, options)));
  certs
    .command("csr <name>")
    .description("make a key and a request for a public CA")
    .option("--force", "replace a key that is there")
    .addOption(folder)
    .addOption(key)
    .addOption(san)
    .option("--organization <name>", "organization in the subject")
    .action(async (name: string, options: CertsOptions) => done(await (await import("./certs.ts")).request(name, options)));
  certs
    .command("acme")
    .description("have a certificate issued by a CA that speaks ACME; agrees to its terms")
    .addOption(new Option("--domain <name>", "name of the certificate; may be repeated").argParser(collect).makeOptionMandatory())
    .requiredOption("--directory <url>", "the CA's directory")
    .option("--email <address>", "where the CA writes to")
    .addOption(new Option("--challenge <kind>", "how names are proven").choices(["http-01", "tls-alpn-01"]).default("http-01"))
    .option("--listen <address>", "where the challenge is answered", "0.0.0.0")
    .addOption(new Option("--port <port>", "80 for http-01, 443 for tls-alpn-01 where absent").argParser(whole(1, 65_535)))
    .addOption(new Option("--key <kind>", "kind of key").choices(["rsa-2048", "ecdsa-p256"]).default("rsa-2048"))
    .option("--ca <file>", "CA of the directory's own certificate, where it is none of the public ones")
    .option("--force", "replace a key that is there")
    .addOption(new Option("--folder <folder>", "where certificate, key and account's key are written").default("certs"))
    .action(async (options: AcmeCommand) => done(await (await import("./certs-acme.ts")).acme(options)));

  configured(
    certs
      .command("show [files...]")
      .description("what is in certificates and when they expire; those of the configuration where no file is given"),
  )
    .option("--json", "one JSON document")
    .action(async (files: string[], options: ConfigOptions) =>
      done((await import("./certs-show.ts")).show(files, loadOptions(options), options.json === true)),
    );

  configured(
    certs
      .command("pin <trunk> [file]")
      .description(
        "trust a private CA for one trunk: writes the CA's certificate, from a file or as a server shows it, and prints what to configure",
      ),
  )
    .option("--from <host:port>", "a TLS server that shows the certificate")
    .option("--folder <folder>", "where to write it; beside the configuration where absent")
    .action(async (trunk: string, file: string | undefined, options: ConfigOptions & { from?: string; folder?: string }) =>
      done(await (await import("./certs-pin.ts")).pin(trunk, file, loadOptions(options), options)),
    );

  root
    .command("call <uri>")
    .description("place a test call and report where it got to, each stage's time, the suite, the codecs, loss and jitter")
    .addOption(new Option("--pin <digits>", "PIN to enter, by RFC 4733; better in CROSSPOINT_PIN").env("CROSSPOINT_PIN"))
    .option("--cert <file>", "client certificate, PEM")
    .option("--key <file>", "its key, PEM")
    .option("--ca <file>", "CA that must have signed the server's certificate")
    .option("--insecure", "take any server certificate")
    .option("--srtp <suite>", "SRTP suite to offer, or none; all over TLS where absent")
    .option("--codec <name>", "codec to offer: opus, G722, PCMU, PCMA; all where absent")
    .addOption(new Option("--seconds <n>", "length of the call once answered").argParser(whole(1, 86_400)).default(5))
    .option("--from <uri>", "our From")
    .option("--json", "one JSON document")
    .addHelpText(
      "after",
      "\nExit code 0: joined, or, where no PIN was given and the far end does not say, answered with sound. 1: refused, wrong PIN, still in the dialogue, in the\nlobby, waiting for the meeting to begin, no sound; also a PIN whose fate cannot be told, as by H.323 or another product. 2: an option that means nothing.",
    )
    .action(async (uri: string, options: CallOptions) => done(await (await import("./call.ts")).call(uri, options)));

  configured(
    root
      .command("route <number>")
      .description(
        "each step of what would happen to a number, dialled by a caller and called by us; of the configuration, not of what the API has made",
      ),
  )
    .option("--trunk <name>", "the trunk it comes and goes by; unknown callers, and the first trunk with a target, where absent")
    .option("--json", "one JSON document")
    .action(async (number: string, options: ConfigOptions & { trunk?: string }) =>
      done(await (await import("./route.ts")).route(number, loadOptions(options), options)),
    );

  configured(
    root
      .command("trace <call-id>")
      .description("follow one call: its SIP, H.323 and media server messages as a ladder, from the running gateway (log.sip)"),
  )
    .option("--follow", "go on until the call is over")
    .option("--messages", "each message below its arrow, as far as log.sip has it")
    .option("--url <url>", "the gateway's web address; the configuration's where absent")
    .addOption(new Option("--token <token>", "an API token; better in CROSSPOINT_ADMIN_TOKEN").env("CROSSPOINT_ADMIN_TOKEN"))
    .option("--ca <file>", "CA that must have signed the gateway's certificate")
    .option("--json", "one JSON document; with --follow one a message")
    .addHelpText(
      "after",
      "\nThe call's identifier is in logs, records and GET /api/v1/calls; its Call-ID or H.323 call identifier does as well.",
    )
    .action(async (id: string, options: ConfigOptions & TraceOptions) =>
      done(await (await import("./trace.ts")).trace(id, options, loadOptions(options))),
    );

  configured(root.command("doctor").description("look for what would keep calls from working, and say the mend"))
    .option("--ntp <host>", "time server to compare the clock with", "pool.ntp.org")
    .option("--json", "one JSON document")
    .action(async (options: ConfigOptions & DoctorOptions) =>
      done(await (await import("./doctor.ts")).doctor(loadOptions(options), options)),
    );

  root.version(version);
  return root;
}

try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : usage;
  else {
    process.stderr.write(`crosspoint: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
