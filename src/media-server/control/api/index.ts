import { conferenceApi } from "../conference/api.ts";
import { callCommands } from "./calls.ts";
import type { ApiContext } from "./context.ts";
import { serverCommands } from "./server.ts";
import type { Api, ApiCommand } from "./types.ts";

/** The api commands of this server. */
export function createApi(context: ApiContext): Api {
  const commands: Readonly<Record<string, ApiCommand>> = {
    ...serverCommands(context),
    ...callCommands(context),
    conference: (args) => conferenceApi(args, context),
  };
  return {
    async run(command) {
      const text = command.trim();
      const space = text.indexOf(" ");
      const name = (space === -1 ? text : text.slice(0, space)).toLowerCase();
      const run = Object.hasOwn(commands, name) ? commands[name] : undefined;
      if (!run) return `-ERR ${name} Command not found!\n`;
      try {
        return await run(space === -1 ? "" : text.slice(space + 1).trim());
      } catch (error) {
        context.core.log("error", "an api command failed", { command: name, error: String(error) });
        return "-ERR command failed\n";
      }
    },
  };
}
