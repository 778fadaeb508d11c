/**
 * Declarations of the doors, each rolled up into one file without imports of other modules (API Extractor), and the report of the public API.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { CompilerState, Extractor, ExtractorConfig, ExtractorLogLevel, type ExtractorMessage } from "@microsoft/api-extractor";
import ts from "typescript";
import { doorNames, root } from "./doors.ts";

/**
 * Schemas of H.225.0 and H.245 messages: their inferred types fill 20 MB of declarations. No door shows a whole message; where one did, the roll-up
 * would fail for want of them.
 */
const SCHEMAS = /^src\/wire\/(?:h245\/(?!index\.ts$)|h225\/(?:ras|endpoint|uuie))/;

/** A door's declarations, and its part of the report. */
export interface DoorTypes {
  readonly door: string;
  readonly declarations: string;
  readonly report: string;
}

/** Throws with the compiler's words where a door's declarations cannot be made. */
export function doorTypes(): DoorTypes[] {
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-api-"));
  // the roll-up follows imports of packages to their declarations
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  try {
    emitDeclarations(join(folder, "types"));
    return rollUp(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function emitDeclarations(outDir: string): void {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), (file) => readFileSync(file, "utf8"));
  const { options } = ts.convertCompilerOptionsFromJson((config as { compilerOptions: unknown }).compilerOptions, root);
  const program = ts.createProgram({
    rootNames: doorNames().map((door) => join(root, "src/exports", `${door}.ts`)),
    options: {
      ...options,
      rootDir: join(root, "src"),
      outDir,
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      stripInternal: true,
      incremental: false,
    },
  });
  const write = (file: string, text: string) => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, withoutTs(text));
  };
  for (const file of program.getSourceFiles()) {
    const name = relative(root, file.fileName);
    if (file.isDeclarationFile || !name.startsWith("src/") || SCHEMAS.test(name)) continue;
    const { diagnostics } = program.emit(file, write, undefined, true);
    if (diagnostics.length > 0) throw new Error(ts.formatDiagnostics(diagnostics, host));
  }
}

/** Relative imports by the names that the files have once they are built. */
export function withoutTs(text: string): string {
  return text.replace(/((?:from |import\(|import |URL\()"\.[^"\n]{1,200})\.ts"/g, '$1.js"');
}

const host: ts.FormatDiagnosticsHost = {
  getCanonicalFileName: (name) => name,
  getCurrentDirectory: () => root,
  getNewLine: () => "\n",
};

function rollUp(folder: string): DoorTypes[] {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "crosspoint", version: "0.0.0" }));
  const configs = doorNames().map((door) => [door, configOf(folder, door)] as const);
  const [first] = configs;
  const compilerState = CompilerState.create(first![1], {
    additionalEntryPoints: configs.map(([, config]) => config.mainEntryPointFilePath),
  });
  return configs.map(([door, config]) => {
    const problems: string[] = [];
    const messageCallback = (message: ExtractorMessage) => {
      if (message.logLevel === ExtractorLogLevel.Error) problems.push(message.text);
      message.handled = true;
    };
    const { succeeded } = Extractor.invoke(config, { compilerState, localBuild: true, messageCallback });
    if (!succeeded || problems.length > 0) throw new Error(`the declarations of ${door} cannot be rolled up:\n${problems.join("\n")}`);
    return {
      door,
      declarations: readFileSync(config.untrimmedFilePath, "utf8"),
      report: readFileSync(config.reportFilePath, "utf8"),
    };
  });
}

function configOf(folder: string, door: string): ExtractorConfig {
  mkdirSync(join(folder, "report"), { recursive: true });
  return ExtractorConfig.prepare({
    packageJsonFullPath: join(folder, "package.json"),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: join(folder, "types/exports", `${door}.d.ts`),
      newlineKind: "lf",
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: "es2024",
            lib: ["es2024"],
            module: "nodenext",
            moduleResolution: "nodenext",
            types: ["node"],
            typeRoots: [join(root, "node_modules/@types")],
            strict: true,
            skipLibCheck: true,
          },
          include: ["types"],
        },
        skipLibCheck: true,
      },
      apiReport: {
        enabled: true,
        reportFileName: `${door}.api.md`,
        reportFolder: join(folder, "report"),
        reportTempFolder: join(folder, "temp"),
      },
      docModel: { enabled: false },
      tsdocMetadata: { enabled: false },
      dtsRollup: { enabled: true, untrimmedFilePath: join(folder, "rolled", `${door}.d.ts`) },
      messages: {
        compilerMessageReporting: { default: { logLevel: "none" as never } },
        extractorMessageReporting: {
          default: { logLevel: "none" as never },
          "ae-unresolved-link": { logLevel: "none" as never },
        },
        tsdocMessageReporting: { default: { logLevel: "none" as never } },
      },
    },
  });
}
