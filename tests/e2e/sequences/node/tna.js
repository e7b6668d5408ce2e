// Try the modes of time and attendance, read the part of the log that has keys, and leave the terminal as it was.
const assert = require('assert/strict');
const { until } = require('./site');

const IDENTIFIED = 0x1300;
const BY_FACE = 3;
const LABELS = ['In', 'Out', 'Break'];
const CONFIGS = [
  { mode: 'BY_USER', labels: LABELS },
  { mode: 'BY_USER', isRequired: true, labels: LABELS },
  { mode: 'BY_SCHEDULE', schedules: [0, 1], labels: LABELS },
  { mode: 'LAST_CHOICE', labels: LABELS },
  { mode: 'FIXED', key: 'KEY_2', labels: LABELS },
];
const MODES = ['UNUSED', 'BY_USER', 'BY_SCHEDULE', 'LAST_CHOICE', 'FIXED'];
const modeName = (mode) => MODES[mode] ?? mode;

module.exports = async (client, terminals) => {
  const deviceID = await client.open(terminals.hosts[0], terminals.port);
  assert.ok((await client.call('device', 'GetCapability', { deviceID })).deviceCapability.displaySupported);
  await client.call('event', 'EnableMonitoring', { deviceID });
  const seen = [];
  const live = await client.live((event) => seen.push(event));
  const get = async () => (await client.call('tna', 'GetConfig', { deviceID })).config;
  const set = (config) => client.call('tna', 'SetConfig', { deviceID, config });
  const original = await get();
  const keyed = [];
  for (const config of CONFIGS) {
    await set(config);
    const kept = await get();
    assert.deepEqual([modeName(kept.mode), kept.labels], [config.mode, LABELS]);
    assert.equal(kept.isRequired, config.isRequired ?? false);
    keyed.push(await terminals.inject(deviceID, { eventCode: IDENTIFIED, subCode: BY_FACE, userID: '1234', TNAKey: 2 }));
    await terminals.door(deviceID);
  }
  await until(() => seen.length === 2 * keyed.length, 'the live events');
  const { TNAEvents } = await client.call('tna', 'GetTNALog', { deviceID, startEventID: seen[0].ID, maxNumOfLog: 0 });
  assert.deepEqual(TNAEvents.map((event) => event.ID), keyed);
  assert.ok(TNAEvents.every((event) => event.userID === '1234' && [2, 'KEY_2'].includes(event.TNAKey)));
  assert.equal(modeName((await get()).mode), 'FIXED');
  await client.call('event', 'DisableMonitoring', { deviceID });
  await set(original);
  assert.deepEqual(await get(), original);
  assert.equal(await live.cancel(), 1);
  await client.call('connect', 'Disconnect', { deviceIDs: [deviceID] });
};
