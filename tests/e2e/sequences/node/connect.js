// Find terminals, connect to them in both ways, then have one of them call, by TCP and by TLS.
const assert = require('assert/strict');
const { refused, until } = require('./site');
const { multiErrors } = require('./client');

const SEARCH_MS = 500;
const UNKNOWN = 999;
const NOT_FOUND = 5;
const NAMES = { 0: 'DISCONNECTED', 1: 'TCP_CONNECTED', 2: 'TLS_CONNECTED', 256: 'TCP_CANNOT_CONNECT', 257: 'TCP_NOT_ALLOWED' };
const [DOWN, UP, TLS, CANNOT, NOT_ALLOWED] = Object.values(NAMES);

module.exports = async (client, terminals) => {
  const { devices: [first, second], hosts, port } = terminals;
  const [caller, callerHost] = [terminals.devices.at(-1), hosts.at(-1)];
  const call = (method, request) => client.call('connect', method, request);
  const changes = [];
  const stream = await client.statuses(({ deviceID, status }) => changes.push([deviceID, NAMES[status] ?? status]));
  const statuses = (device) => changes.filter(([changed]) => changed === device).map(([, status]) => status);
  const becomes = (device, status) => until(() => statuses(device).at(-1) === status, `${device} becomes ${status}`);
  const listed = async () => new Map((await client.devices()).map((device) => [device.deviceID, device]));

  const found = (await call('SearchDevice', { timeout: SEARCH_MS })).deviceInfos;
  const where = new Map(found.map((device) => [device.deviceID, [device.IPAddr, device.port]]));
  terminals.devices.forEach((device, i) => assert.deepEqual(where.get(device), [hosts[i], port]));

  await client.open(hosts[0], port);
  await call('AddAsyncConnection', { connectInfos: [
    { deviceID: second, IPAddr: hosts[1], port }, { deviceID: UNKNOWN, IPAddr: hosts[0], port: 1 }] });
  assert.deepEqual([...(await listed()).values()].map((d) => [d.deviceID, d.autoReconnect]).sort(),
    [[first, false], [second, true], [UNKNOWN, true]].sort());
  await becomes(second, UP);
  await becomes(UNKNOWN, CANNOT);
  await call('DisconnectAll', {});
  await until(() => statuses(second).join() === [UP, DOWN, UP].join(), 'the second terminal is back');
  await call('DeleteAsyncConnection', { deviceIDs: [second, UNKNOWN] });
  await becomes(second, DOWN);
  assert.deepEqual(statuses(first), [UP, DOWN]);
  assert.deepEqual([...new Set(statuses(UNKNOWN))], [CANNOT]);

  const accept = (...deviceIDs) => call('SetAcceptFilter', { filter: { deviceIDs } });
  const pending = async () => (await call('GetPendingList', {})).deviceInfos.map((device) => device.deviceID);
  assert.deepEqual((await call('GetAcceptFilter', {})).filter.deviceIDs, []);
  await client.open(callerHost, port);
  const callIn = { deviceIDs: [UNKNOWN, caller], connectionMode: 'DEVICE_TO_SERVER' };
  assert.deepEqual([...multiErrors(await refused(call('SetConnectionModeMulti', callIn)))], [[UNKNOWN, NOT_FOUND]]);
  await becomes(caller, NOT_ALLOWED);
  assert.deepEqual(await pending(), [caller]);
  await accept(caller);
  await becomes(caller, UP);
  assert.deepEqual(await pending(), []);
  assert.equal((await listed()).get(caller).port, 0);
  await call('EnableSSLMulti', { deviceIDs: [caller] });
  await becomes(caller, TLS);
  assert.equal((await listed()).get(caller).useSSL, true);
  await call('DisableSSLMulti', { deviceIDs: [caller] });
  await becomes(caller, UP);
  await call('SetConnectionModeMulti', { deviceIDs: [caller], connectionMode: 'SERVER_TO_DEVICE' });
  await accept();
  await until(async () => (await listed()).size === 0, 'the terminal leaves the list');
  const links = statuses(caller).filter((status) => [UP, TLS, DOWN].includes(status));
  assert.deepEqual(links, [UP, DOWN, UP, DOWN, TLS, DOWN, UP, DOWN]);
  assert.equal(await stream.cancel(), 1);
};
