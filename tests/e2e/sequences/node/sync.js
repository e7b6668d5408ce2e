// A program that keeps terminals alike: it stores their logs and copies people from the first of them to the others.
// It calls the gateway from what it does with each message of its streams.
const assert = require('assert/strict');
const { refused, until } = require('./site');
const { multiErrors } = require('./client');

const PAGE = 16_384;
const [ENROLLED, UPDATED, DELETED] = [0x2000, 0x2200, 0x2400];
const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;
const UNIMPLEMENTED = 12;
const statusName = (status) => ({ 0: 'DISCONNECTED', 1: 'TCP_CONNECTED' })[status] ?? status;

class Program {
  constructor(client, devices) {
    this.client = client;
    [this.enrolment, ...this.others] = devices;
    this.logs = new Map(devices.map((device) => [device, []]));
    this.statuses = new Map(devices.map((device) => [device, []]));
    this.armed = 0;
    this.linked = [];
    this.errors = [];
  }

  async start(connectInfos) {
    const guarded = (handle) => (message) => handle.call(this, message).catch((error) => this.errors.push(error));
    this.streams = [await this.client.statuses(guarded(this.onStatus))];
    await this.client.call('connect', 'AddAsyncConnection', { connectInfos });
    this.streams.push(await this.client.live(guarded(this.onEvent)));
  }

  async onStatus({ deviceID, status }) {
    this.statuses.get(deviceID).push(statusName(status));
    if (statusName(status) === 'TCP_CONNECTED') {
      this.linked.push(deviceID);
      await this.readLog(deviceID);
      await this.client.call('event', 'EnableMonitoring', { deviceID });
      this.armed += 1;
    } else if (statusName(status) === 'DISCONNECTED') {
      this.linked.splice(this.linked.indexOf(deviceID), 1); // takes another one when it was not there
    }
  }

  async readLog(deviceID) {
    const log = this.logs.get(deviceID);
    for (;;) {
      const page = await this.client.getLog(deviceID, (log.at(-1)?.ID ?? 0) + 1, PAGE);
      page.forEach((event) => log.push(event));
      if (page.length < PAGE) return;
    }
  }

  async onEvent(event) {
    this.logs.get(event.deviceID).push(event);
    if (event.deviceID !== this.enrolment) return;
    if (event.eventCode === ENROLLED || event.eventCode === UPDATED) {
      const { users } = await this.client.call('user', 'Get', { deviceID: event.deviceID, userIDs: [event.userID] });
      await this.client.call('user', 'EnrollMulti',
        { deviceIDs: this.others, users, overwrite: event.eventCode === UPDATED });
    } else if (event.eventCode === DELETED) {
      await this.client.call('user', 'DeleteMulti', { deviceIDs: this.others, userIDs: [event.userID] });
    }
  }

  // Waits while the program has made no mistake.
  async until(condition, what) {
    await until(async () => this.errors.length || condition(), what);
    assert.deepEqual(this.errors, []);
  }
}

async function enrolOnOneTerminal(client, program, ID) {
  const deviceID = program.enrolment;
  const isOn = async (device) =>
    (await client.call('user', 'GetList', { deviceID: device })).hdrs.some((header) => header.ID === ID);
  const names = async () => {
    const found = [];
    for (const other of program.others) {
      if (!(await isOn(other))) return undefined;
      const { users } = await client.call('user', 'Get', { deviceID: other, userIDs: [ID] });
      found.push(users[0].name);
    }
    return found.join();
  };
  const person = (name) => [{ hdr: { ID }, name }];
  assert.equal((await refused(client.call('card', 'Scan', { deviceID }))).code, UNIMPLEMENTED);
  await client.call('user', 'Enroll', { deviceID, users: person('Ada') });
  await program.until(async () => (await names()) === 'Ada,Ada', 'the person appears on the others');
  const everywhere = { deviceIDs: [deviceID, ...program.others], users: person('Eve'), overwrite: false };
  const failed = multiErrors(await refused(client.call('user', 'EnrollMulti', everywhere)));
  assert.deepEqual([...failed], everywhere.deviceIDs.map((device) => [device, ALREADY_EXISTS]));
  await client.call('user', 'Enroll', { deviceID, users: person('Ada L.'), overwrite: true });
  await program.until(async () => (await names()) === 'Ada L.,Ada L.', 'the new name appears on the others');
  await client.call('user', 'Delete', { deviceID, userIDs: [ID] });
  await program.until(async () => !(await isOn(program.others[0])) && !(await isOn(program.others[1])), 'the person is gone');
  const twice = await refused(client.call('user', 'Delete', { deviceID, userIDs: [ID] }));
  assert.equal(twice.code, NOT_FOUND); // and nothing is written that would take a person away twice
  const told = (device) => program.logs.get(device).filter((e) => e.userID === ID && !e.changedOnDevice);
  const expected = [ENROLLED, UPDATED, DELETED];
  for (const device of everywhere.deviceIDs) {
    await program.until(() => told(device).slice(-3).map((e) => e.eventCode).join() === expected.join(), 'the records');
  }
}

module.exports = async (client, terminals) => {
  const { hosts, port } = terminals;
  const devices = terminals.devices.slice(0, 3);
  const [first, second, third] = devices;
  const program = new Program(client, devices);
  await program.start(devices.map((deviceID, i) => ({ deviceID, IPAddr: hosts[i], port })));
  await program.until(() => program.armed === devices.length, 'all logs read');
  await enrolOnOneTerminal(client, program, `${terminals.person}`);
  // What happens while a link is down is read when it is back.
  await terminals.disconnect(second);
  const missed = await terminals.door(second);
  await program.until(() => program.armed > devices.length, 'the link is back');
  await program.until(() => program.logs.get(second).at(-1).ID >= missed, 'what was missed is read');
  await client.call('connect', 'DeleteAsyncConnection', { deviceIDs: devices });
  await program.until(() => program.linked.length === 0, 'no link is left');
  for (const open of program.streams) assert.equal(await open.cancel(), 1);
  const upAndDown = ['TCP_CONNECTED', 'DISCONNECTED'];
  assert.deepEqual([...program.statuses.entries()],
    [[first, upAndDown], [second, [...upAndDown, ...upAndDown]], [third, upAndDown]]);
  for (const device of devices) {
    const ids = program.logs.get(device).map((event) => event.ID);
    assert.deepEqual(ids, Array.from({ length: await terminals.lastId(device) }, (_, i) => i + 1));
    assert.ok(ids.length > terminals.history);
  }
};
