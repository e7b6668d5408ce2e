// Try the settings of the thermal camera, read the temperatures, and leave the terminal as it was.
const assert = require('assert/strict');
const { until } = require('./site');

const IDENTIFIED = 0x1300;
const BY_FACE = 3;
const FEVER = 0x1c00;
const NOBODY = '4294967295';

module.exports = async (client, terminals) => {
  const deviceID = await client.open(terminals.hosts[0], terminals.port);
  const get = async () => (await client.call('thermal', 'GetConfig', { deviceID })).config;
  const set = (config) => client.call('thermal', 'SetConfig', { deviceID, config });
  const original = await get();
  await client.call('event', 'EnableMonitoring', { deviceID });
  const seen = [];
  const live = await client.live((event) => seen.push(event));
  const measured = [];
  for (const checkMode of ['HARD', 'SOFT']) {
    await set({ ...original, checkMode, temperatureFormat: 'CELSIUS', auditTemperature: true, temperatureThresholdHigh: 3750 });
    const kept = await get();
    assert.ok([checkMode, checkMode === 'HARD' ? 1 : 2].includes(kept.checkMode));
    assert.deepEqual([kept.auditTemperature, kept.temperatureThresholdHigh], [true, 3750]);
    measured.push(await terminals.inject(deviceID,
      { eventCode: IDENTIFIED, subCode: BY_FACE, userID: '1234', temperature: 3640 }));
    measured.push(await terminals.inject(deviceID, { eventCode: FEVER, temperature: 3910 }));
    await terminals.door(deviceID);
  }
  await until(() => seen.length === 6, 'the live events');
  const { temperatureEvents } = await client.call('thermal', 'GetTemperatureLog',
    { deviceID, startEventID: seen[0].ID, maxNumOfLog: 0 });
  assert.deepEqual(temperatureEvents.map((event) => event.ID), measured);
  const read = temperatureEvents.map((event) => [event.userID, event.temperature]);
  assert.deepEqual(read, [['1234', 3640], [NOBODY, 3910], ['1234', 3640], [NOBODY, 3910]]);
  await client.call('event', 'DisableMonitoring', { deviceID });
  await set(original);
  assert.deepEqual(await get(), original);
  assert.equal(await live.cancel(), 1);
  await client.call('connect', 'Disconnect', { deviceIDs: [deviceID] });
};
