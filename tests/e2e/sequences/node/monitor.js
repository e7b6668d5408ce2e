// Two terminals on one stream, and a list of devices that by mistake lies in another list.
const assert = require('assert/strict');
const { refused, until } = require('./site');

module.exports = async (client, terminals) => {
  const deviceIDs = [];
  for (const host of terminals.hosts.slice(0, 2)) deviceIDs.push(await client.open(host, terminals.port));
  const listed = async () => (await client.devices()).map((device) => device.deviceID).sort();
  assert.deepEqual(await listed(), deviceIDs);
  for (const deviceID of deviceIDs) {
    await client.call('device', 'GetInfo', { deviceID });
    await client.call('device', 'GetCapabilityInfo', { deviceID });
  }
  await client.call('event', 'EnableMonitoringMulti', { deviceIDs });
  const [ofBoth, ofSecond] = [[], []];
  const both = await client.live((event) => ofBoth.push([event.deviceID, event.ID]));
  const second = await client.live((event) => ofSecond.push(event.deviceID),
    { queueSize: 8, deviceIDs: [deviceIDs[1]] });
  const written = [];
  for (const device of deviceIDs) written.push([device, await terminals.door(device)]);
  await until(() => ofBoth.length === 2 && ofSecond.length === 1, 'the live events');
  assert.deepEqual(ofBoth.sort(), written);
  assert.deepEqual(ofSecond, [deviceIDs[1]]);
  assert.equal(await both.cancel(), 1);
  assert.equal(await second.cancel(), 1);
  await client.call('event', 'DisableMonitoringMulti', { deviceIDs });
  // [[a, b]] arrives as the device 0, [[a]] as a.
  await refused(client.call('connect', 'Disconnect', { deviceIDs: [deviceIDs] }));
  assert.deepEqual(await listed(), deviceIDs);
  await client.call('connect', 'Disconnect', { deviceIDs: [[deviceIDs[0]]] });
  await until(async () => (await listed()).length === 1, 'the first device leaves the list');
  await client.call('connect', 'Disconnect', { deviceIDs: [deviceIDs[1]] });
};
