// Builds dist/app.js and dist/app.css; with --test builds the tests and runs them with node's own test runner.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
process.chdir(here);

const common = { bundle: true, format: "esm", target: "es2022", logLevel: "warning" };

async function runTests() {
  rmSync("build/test", { recursive: true, force: true });
  const tests = readdirSync("test").filter((name) => name.endsWith(".test.ts"));
  await build({
    ...common,
    entryPoints: tests.map((name) => join("test", name)),
    outdir: "build/test",
    platform: "node",
    sourcemap: "inline",
  });
  // Names, not a pattern: node 20 knows no patterns here, and later ones no directories.
  const built = tests.map((name) => join("build/test", name.replace(/ts$/, "js")));
  process.exitCode =
    spawnSync(process.execPath, ["--enable-source-maps", "--test", ...built], { stdio: "inherit" }).status ?? 1;
}

async function buildPages() {
  mkdirSync("dist", { recursive: true });
  await build({ ...common, entryPoints: ["src/app.ts"], outfile: "dist/app.js", minify: true });
  // Called as a script of its package: paths with blanks and a missing shell do not matter.
  const tailwind = "node_modules/@tailwindcss/cli/dist/index.mjs";
  const run = spawnSync(
    process.execPath,
    [tailwind, "--input", "src/app.css", "--output", "dist/app.css", "--minify"],
    {
      stdio: ["ignore", "ignore", "pipe"],
      encoding: "utf8",
    },
  );
  if (run.status !== 0) throw new Error(run.stderr);
  cpSync("public", "dist", { recursive: true });
}

await (process.argv.includes("--test") ? runTests() : buildPages());
