// Runs one sequence, and fails when it is not as it has to be.
//   node run.js SEQUENCE plain|legacy|old_paths SITE    SITE: JSON, see site.js
const assert = require('assert/strict');
const { Client } = require('./client');
const { Terminals, until } = require('./site');

async function main(sequence, style, site) {
  const terminals = new Terminals(JSON.parse(site));
  const client = new Client(terminals, style);
  await require(`./${sequence}`)(client, terminals);
  await until(async () => (await client.devices()).length === 0, 'no device is left in the list');
  client.close();
  terminals.close();
}

assert.equal(process.argv.length, 5, 'node run.js SEQUENCE STYLE SITE');
main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
