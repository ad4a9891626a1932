// Usage: node validate.mjs FILE...   Prints one JSON object: file -> {errors, warnings, infos, hints, messages}.
import { readFile } from "node:fs/promises";
import { validateBytes } from "gltf-validator";

const results = {};
for (const file of process.argv.slice(2)) {
  const report = await validateBytes(new Uint8Array(await readFile(file)), { maxIssues: 0 });
  const { numErrors, numWarnings, numInfos, numHints, messages } = report.issues;
  results[file] = { errors: numErrors, warnings: numWarnings, infos: numInfos, hints: numHints, messages };
}
console.log(JSON.stringify(results));
