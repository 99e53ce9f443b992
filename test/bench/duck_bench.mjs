// SPDX-License-Identifier: MIT
// One COPY ... PARTITION_BY of DuckDB, timed inside this process, so that the start of node and the
// loading of the library do not count.
//
// Usage: duck_bench.mjs NODE_DIR INPUT OUTPUT_DIR COLUMNS MODE COMPRESSION [SETTING=VALUE]...
//   COLUMNS      of the partitions, a,b
//   MODE         typed (DuckDB guesses types) or text (all_varchar)
//   COMPRESSION  none or gzip
// Prints {"ms","files","bytes","rss_kb","version"} as JSON.
import { createRequire } from 'node:module';
import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

const [nodeDir, input, output, columns, mode, compression, ...settings] = process.argv.slice(2);
const { DuckDBInstance } = createRequire(join(resolve(nodeDir), 'package.json'))('@duckdb/node-api');

const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

function measure(dir) {
  const sum = { files: 0, bytes: 0 };
  for (const entry of readdirSync(dir, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) {
      sum.files += 1;
      sum.bytes += statSync(join(entry.parentPath ?? entry.path, entry.name)).size;
    }
  }
  return sum;
}

const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
const connection = await instance.connect();
for (const setting of settings) {
  const [name, value] = setting.split('=');
  await connection.run(`SET ${name} = ${quoted(value)}`);
}
const version = (await connection.runAndReadAll('SELECT version()')).getRows()[0][0];
const options = mode === 'text' ? ', all_varchar=true' : '';
const sql = `COPY (SELECT * FROM read_csv(${quoted(input)}, header=true${options})) TO ${quoted(output)}
  (FORMAT csv, HEADER, PARTITION_BY (${columns}), COMPRESSION ${compression})`;
const start = performance.now();
await connection.run(sql);
const ms = performance.now() - start;
const rssKb = process.resourceUsage().maxRSS;
console.log(JSON.stringify({ ms, ...measure(output), rss_kb: rssKb, version }));
