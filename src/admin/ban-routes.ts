import { isIP } from "node:net";
import type { z } from "zod";
import type { BanView } from "../security/defence.ts";
import { banInputSchema, banSchema } from "./ban-schemas.ts";
import { AdminError } from "./ports.ts";
import type { Route } from "./route.ts";

const view = (ban: BanView) => ({ id: ban.address, ...ban });

/** Sources that are not listened to for a while. */
export const banRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/bans",
    id: "listBans",
    paged: true,
    tag: "gateway",
    summary: "Sources that are not listened to now, the newest first",
    status: 200,
    answer: banSchema.array(),
    handle: ({ defence }) => defence.bans().map(view),
  },
  {
    method: "POST",
    path: "/bans",
    id: "createBan",
    tag: "gateway",
    summary: "Ban a source",
    body: banInputSchema,
    status: 201,
    located: false,
    answer: banSchema,
    handle: ({ defence, body }) => {
      const { address, seconds } = body as z.infer<typeof banInputSchema>;
      if (isIP(address) === 0) throw new AdminError(422, "invalid-address", "address must be an IPv4 or IPv6 address");
      return view(defence.ban(address, seconds === undefined ? undefined : seconds * 1000));
    },
  },
  {
    method: "DELETE",
    path: "/bans/{address}",
    id: "liftBan",
    tag: "gateway",
    summary: "Lift a ban",
    description: "By the address, any address of the /64, or the /64 itself with its slash escaped.",
    status: 204,
    problems: { 404: "That source is not banned." },
    handle: ({ defence, params }) => {
      if (!defence.lift(params["address"]!)) throw new AdminError(404, "no-such-ban", `${params["address"]} is not banned`);
    },
  },
];
