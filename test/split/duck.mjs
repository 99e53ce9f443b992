#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// DuckDB as judge: random CSV files (cases.py) are split by `procagent partition`, and what DuckDB then reads
// from the Hive folders must be exactly the rows of the file before, nulls being empty texts.
//
// Usage: duck.mjs NODE_DIR AGENT WORK [SEED [RUNS]]
// NODE_DIR is where scripts/duckdb.sh installed DuckDB; without it all is skipped, which is said. Exit status 1 when
// anything differs; the folder of such a case is kept, in WORK/SEED.
import { createRequire } from 'node:module';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const [nodeDir, agent, work, firstSeed = '1', runs = '60'] = process.argv.slice(2);

if (!existsSync(join(nodeDir ?? '', 'node_modules/@duckdb/node-api'))) {
  console.log(`ok DuckDB reads what was split # SKIP DuckDB is not in ${nodeDir} (scripts/duckdb.sh)`);
  process.exit(0);
}
const { DuckDBInstance } = createRequire(join(resolve(nodeDir), 'package.json'))('@duckdb/node-api');
const connection = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect();

const text = (s) => `'${s.replaceAll("'", "''")}'`;
const name = (s) => `"${s.replaceAll('"', '""')}"`;

function count(dir) {
  return readdirSync(dir, { recursive: true, withFileTypes: true }).filter((e) => e.isFile()).length;
}

// The rows DuckDB finds, each as one text, sorted.
async function read(dir, about) {
  const inFiles = about.names.filter((n) => !about.keys.includes(n));
  const columns = inFiles.map((n) => `${text(n)}: 'VARCHAR'`).join(', ');
  const options = [
    'auto_detect=false', 'header=true', `delim=${text(about.delimiter)}`, `quote=${text(about.quote)}`,
    `escape=${text(about.quote)}`, `columns={${columns}}`, 'hive_partitioning=true', 'hive_types_autocast=0',
    `new_line=${about.newline === '\n' ? "'\\n'" : "'\\r\\n'"}`, 'max_line_size=40000000', 'parallel=false',
    'filename=true',
  ];
  const values = about.names.map((n) => `coalesce(${name(n)}, '') AS ${name(n)}`).join(', ');
  const sql = `SELECT ${values} FROM read_csv(${text(`${dir}/**/*${about.suffix}`)}, ${options.join(', ')})`;
  const rows = (await connection.runAndReadAll(sql)).getRows();
  return rows.map((row) => JSON.stringify(row)).sort();
}

// null when all is well, else what is not.
async function judge(dir, seed) {
  execFileSync('/usr/bin/python3', ['-B', join(here, 'cases.py'), '--seed', seed, '--dir', dir]);
  const about = JSON.parse(readFileSync(join(dir, 'case.json'), 'utf8'));
  const input = join(dir, 'in');
  const done = spawnSync(agent, ['partition', '--json', ...about.arguments, input], { encoding: 'utf8' });
  if (done.status !== 0) {
    return { problem: `status ${done.status}: ${done.stderr}`, about };
  }
  const report = JSON.parse(done.stdout);
  if (count(input) !== report.partitions.length) {
    return { problem: `${count(input)} files in ${report.partitions.length} partitions`, about };
  }
  const expected = about.rows.map((row) => JSON.stringify(row)).sort();
  const found = await read(input, about);
  const at = expected.findIndex((row, i) => row !== found[i]);
  if (at >= 0 || expected.length !== found.length) {
    return { problem: `${expected.length} rows expected, ${found.length} found, the first that differs:\n` +
      `  expected ${expected[at]}\n  found    ${found[at]}`, about };
  }
  return { rows: found.length, partitions: report.partitions.length };
}

let rows = 0;
let partitions = 0;
let wrong = 0;
mkdirSync(work, { recursive: true });
for (let seed = Number(firstSeed); seed < Number(firstSeed) + Number(runs); seed++) {
  const dir = join(resolve(work), String(seed));
  rmSync(dir, { recursive: true, force: true });
  const { problem, about, rows: n = 0, partitions: m = 0 } = await judge(dir, String(seed));
  if (problem) {
    wrong += 1;
    console.log(`# seed ${seed}: ${problem}\n# ${JSON.stringify(about.arguments)}`);
    continue;
  }
  rows += n;
  partitions += m;
  rmSync(dir, { recursive: true, force: true });
}
console.log(`${wrong ? 'not ok' : 'ok'} DuckDB reads what was split: ${runs} files from seed ${firstSeed}, ` +
  `${rows} rows, ${partitions} partitions, ${wrong} differ`);
process.exit(wrong ? 1 : 0);
