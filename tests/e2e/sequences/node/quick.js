// Connect, ask what the terminal is, enrol and delete somebody, read the log, watch it, disconnect.
const assert = require('assert/strict');
const { until } = require('./site');

// A program that is told of a reader uses it, and gives up when that fails.
async function scanWhatItCan(client, deviceID, can) {
  if (can.faceSupported) {
    await client.call('face', 'GetConfig', { deviceID });
    await client.call('face', 'Scan', { deviceID });
  }
  if (can.fingerSupported) {
    await client.call('finger', 'GetConfig', { deviceID });
    await client.call('finger', 'Scan', { deviceID });
  }
  if (can.cardSupported) {
    await client.call('card', 'Scan', { deviceID });
    await client.call('card', 'GetBlacklist', { deviceID });
  }
}

async function enrolAndDelete(client, deviceID, person) {
  const both = [`${person}`, `${person + 1}`];
  const ids = async () => (await client.call('user', 'GetList', { deviceID })).hdrs.map((header) => header.ID).sort();
  const before = await ids();
  const known = (await client.call('user', 'Get', { deviceID, userIDs: before })).users;
  assert.deepEqual(known.map((user) => user.hdr.ID).sort(), before);
  const users = both.map((ID) => ({ hdr: { ID }, name: `Person ${ID}` }));
  await client.call('user', 'Enroll', { deviceID, users });
  assert.deepEqual(await ids(), [...before, ...both].sort());
  const [second] = (await client.call('user', 'Get', { deviceID, userIDs: [both[1]] })).users;
  assert.equal(second.name, `Person ${both[1]}`);
  await client.call('user', 'Delete', { deviceID, userIDs: both });
  assert.deepEqual(await ids(), before);
}

async function readAndWatch(client, terminals, deviceID) {
  const events = await client.getLog(deviceID, 0, 16);
  assert.equal(events.length, 16);
  assert.ok(events.every((event, i) => i === 0 || event.ID > events[i - 1].ID));
  const images = (await client.call('event', 'GetImageLog', { deviceID, startEventID: 0, maxNumOfLog: 2 })).imageEvents;
  assert.equal(images.length, 2);
  await client.call('event', 'EnableMonitoring', { deviceID });
  const seen = [];
  const live = await client.live((event) => seen.push(event.ID));
  const written = [await terminals.door(deviceID), await terminals.door(deviceID)];
  await until(() => seen.length === 2, 'two live events');
  assert.deepEqual(seen, written);
  await client.call('event', 'DisableMonitoring', { deviceID });
  assert.equal(await live.cancel(), 1);
}

module.exports = async (client, terminals) => {
  assert.deepEqual(await client.devices(), []);
  const deviceID = await client.open(terminals.hosts[0], terminals.port);
  assert.deepEqual((await client.devices()).map((device) => device.deviceID), [deviceID]);
  assert.ok((await client.call('device', 'GetInfo', { deviceID })).info.modelName);
  await scanWhatItCan(client, deviceID, (await client.call('device', 'GetCapabilityInfo', { deviceID })).capInfo);
  await enrolAndDelete(client, deviceID, terminals.person);
  await readAndWatch(client, terminals, deviceID);
  await client.call('connect', 'Disconnect', { deviceIDs: [deviceID] });
};
