import { pathToFileURL } from "node:url";
import type { Logger } from "pino";
import type { GatewayOptions } from "../gateway/options.ts";
import { seatPictures } from "../sfu/pictures.ts";
import type { CreateSfu, Seat, Sfu } from "../sfu/port.ts";
import type { IdentityCheck } from "../trunks/recognition.ts";
import { StartError } from "./bind-errors.ts";
import type { Config } from "./config/config.ts";

const SFU_METHODS = ["join", "announce", "present"] as const satisfies readonly (keyof Sfu)[];
const SEAT_METHODS = ["on", "setMuted", "play", "leave"] as const satisfies readonly (keyof Seat)[];

/** A function that a module of the operator's exports. Rejects with StartError, in words that name the key. */
async function exportedFunction(key: string, file: string, name: string): Promise<unknown> {
  let module: Readonly<Record<string, unknown>>;
  try {
    module = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw new StartError(`${key}: ${file} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`);
  }
  const made = module[name];
  if (typeof made !== "function") throw new StartError(`${key}: ${file} exports no function "${name}"`);
  return made;
}

function missing(made: unknown, methods: readonly string[]): string[] {
  if (typeof made !== "object" || made === null) return [...methods];
  return methods.filter((method) => typeof (made as Readonly<Record<string, unknown>>)[method] !== "function");
}

/** The SFU adapter in a module: `sfu: ./module.js`. What it makes is looked at for every method of the port, there and at each join. */
export async function sfuOfModule(file: string, logger: Logger): Promise<NonNullable<GatewayOptions["sfu"]>> {
  const createSfu = (await exportedFunction("sfu", file, "createSfu")) as CreateSfu;
  const log = logger.child({ sfu: "module" });
  return (media, video) => {
    const sfu = createSfu({
      media,
      video,
      log: (level, event, fields) => log[level]({ event, ...fields }, event.replaceAll("-", " ")),
      seatPictures: (meetingId, participantId, pictures) =>
        video ? seatPictures(video, meetingId, participantId, pictures) : { leave: () => {} },
    });
    const lacks = missing(sfu, SFU_METHODS);
    if (lacks.length > 0) throw new StartError(`sfu: what createSfu of ${file} returns has no ${lacks.join(", no ")}`);
    const join = sfu.join.bind(sfu);
    sfu.join = async (meetingId, participant) => {
      const seat = await join(meetingId, participant);
      const lost = missing(seat, SEAT_METHODS);
      if (lost.length > 0) throw new TypeError(`the seat that join of ${file} resolves with has no ${lost.join(", no ")}`);
      return seat;
    };
    return sfu;
  };
}

/** The identity checks that trunks name, by file. One that throws, or answers anything but true or false, has said no, and the log says so. */
export async function identityChecks(config: Config, logger: Logger): Promise<ReadonlyMap<string, IdentityCheck>> {
  const checks = new Map<string, IdentityCheck>();
  for (const { name, identity } of config.trunks) {
    const file = identity.module;
    if (file === undefined || checks.has(file)) continue;
    const check = (await exportedFunction(`trunk ${name}: identity.module`, file, "checkIdentity")) as (
      ...given: Parameters<IdentityCheck>
    ) => unknown;
    checks.set(file, (caller, trunk) => {
      try {
        const answer = check(caller, trunk);
        if (typeof answer === "boolean") return answer;
        logger.error(
          { event: "identity-check-failed", trunk, file, answer: typeof answer },
          "an identity check answered neither true nor false",
        );
      } catch (error) {
        logger.error({ event: "identity-check-failed", trunk, file, err: error }, "an identity check threw");
      }
      return false;
    });
  }
  return checks;
}
