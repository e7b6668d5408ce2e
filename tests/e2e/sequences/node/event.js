// Watch a terminal, read again what was seen, by ID and by code. Monitoring is ended before the stream, and after it.
const assert = require('assert/strict');
const { DOOR_OPENED, refused, until } = require('./site');
const { multiErrors } = require('./client');

const IDENTIFIED = 0x1300;
const BY_FACE = 3;
const UNKNOWN = 999;
const NOT_FOUND = 5;

async function watch(client, terminals, cancelFirst) {
  const deviceID = await client.open(terminals.hosts[0], terminals.port);
  await client.call('event', 'EnableMonitoring', { deviceID });
  const seen = [];
  const live = await client.live((event) => seen.push(event));
  const written = [await terminals.door(deviceID),
    await terminals.inject(deviceID, { eventCode: IDENTIFIED, subCode: BY_FACE, userID: '1234', TNAKey: 3 }),
    await terminals.door(deviceID)];
  await until(() => seen.length === written.length, 'the live events');
  assert.deepEqual(seen.map((event) => event.ID), written);
  assert.ok([3, 'KEY_3'].includes(seen[1].TNAKey));
  assert.deepEqual(await client.getLog(deviceID, seen[0].ID, 32), seen);
  const { events } = await client.call('event', 'GetLogWithFilter', {
    deviceID, startEventID: seen[0].ID, maxNumOfLog: 32, filters: [{ eventCode: DOOR_OPENED }],
  });
  assert.deepEqual(events, [seen[0], seen[2]]);
  if (cancelFirst) assert.equal(await live.cancel(), 1);
  await client.call('event', 'DisableMonitoring', { deviceID });
  if (!cancelFirst) assert.equal(await live.cancel(), 1);
  await client.call('connect', 'Disconnect', { deviceIDs: [deviceID] });
  await until(async () => (await client.devices()).length === 0, 'the device leaves the list');
}

module.exports = async (client, terminals) => {
  assert.ok((await client.call('admin', 'GetInfo', {})).version);
  await watch(client, terminals, false);
  await watch(client, terminals, true);
  assert.equal((await refused(client.getLog(UNKNOWN, 0, 1))).code, NOT_FOUND);
  const failed = multiErrors(await refused(client.call('event', 'EnableMonitoringMulti', { deviceIDs: [UNKNOWN] })));
  assert.deepEqual([...failed], [[UNKNOWN, NOT_FOUND]]);
};
