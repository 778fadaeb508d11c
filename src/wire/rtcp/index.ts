export * from "./ntp.ts";
export * from "./parse.ts";
export * from "./types.ts";
export * from "./write.ts";
